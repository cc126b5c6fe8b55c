// Figures that move, start/stop without leaving the page, the menu of a row, queues of the chosen type.
// Every page works without this script, too: then start and stop load the page again.
(() => {
  "use strict";
  const TICK = 1000, IDLE = 5000;

  const find = (selector) => document.querySelectorAll(selector);

  function show(figures) {
    find("[data-live]").forEach((place) => {
      const key = place.dataset.live;
      if (key in figures && place.textContent !== String(figures[key])) place.textContent = figures[key];
      if (`${key}.tone` in figures && place.classList.contains("d-badge"))
        place.className = `d-badge d-${figures[`${key}.tone`]}`;
    });
    find("[data-live-note]").forEach((note) => {
      if (note.dataset.liveNote in figures) note.hidden = !figures[note.dataset.liveNote];
    });
    find("[data-live-width]").forEach((bar) => {
      const share = figures[bar.dataset.liveWidth];
      if (share !== undefined) bar.style.width = `${share}%`;
    });
    find("[data-run]").forEach((button) => {
      const started = figures[`${button.dataset.run}.started`];
      if (started !== undefined) setRun(button, started);
    });
  }

  function setRun(button, started) {
    const data = button.dataset;
    button.classList.toggle("d-stop", started);
    button.classList.toggle("d-start", !started);
    button.setAttribute("formaction", `${started ? data.stop : data.start}?next=${data.next}`);
    button.setAttribute("aria-label", started ? data.stopName : data.startName);
    button.querySelector(".material-symbols-outlined").textContent = started ? "stop" : "play_arrow";
    button.querySelector(".d-run-words").textContent = started ? data.stopWords : data.startWords;
  }

  function say(words, tone) {
    let place = document.getElementById("d-words");
    if (!place) {
      place = document.createElement("div");
      place.id = "d-words";
      place.className = "d-words";
      place.setAttribute("role", "status");
      document.body.append(place);
    }
    const line = document.createElement("p");
    line.className = `d-word d-${tone}`;
    line.textContent = words.join(" ");
    const close = document.createElement("button");
    close.type = "button";
    close.textContent = "×";
    close.setAttribute("aria-label", place.dataset.close || "×");
    close.addEventListener("click", () => line.remove());
    line.append(close);
    place.replaceChildren(line);
    if (tone === "good") setTimeout(() => line.remove(), 6000);
    return line;
  }

  function follow(source) {
    let lost = null;
    async function tick() {
      let wait = IDLE;
      if (!document.hidden) {
        try {
          const answer = await fetch(source.dataset.liveSource, { headers: { Accept: "application/json" } });
          if (answer.redirected) return location.reload(); // signed out meanwhile
          if (!answer.ok) throw new Error(String(answer.status));
          const figures = await answer.json();
          show(figures);
          wait = figures.running ? TICK : IDLE;
          if (lost) lost.remove();
          lost = null;
        } catch {
          lost = lost || say([source.dataset.liveLost], "warn");
        }
      }
      setTimeout(tick, wait);
    }
    document.addEventListener("dialer:changed", () => setTimeout(tick, 0), { once: true });
    setTimeout(tick, TICK);
  }

  async function run(button) {
    const token = button.form.querySelector('input[name="csrfmiddlewaretoken"]').value;
    if (button.hasAttribute("aria-busy")) return;
    button.setAttribute("aria-busy", "true"); // not disabled: that would lose the keyboard's focus
    try {
      const answer = await fetch(button.getAttribute("formaction"), {
        method: "POST",
        headers: { Accept: "application/json", "X-CSRFToken": token },
      });
      if (!answer.ok || answer.redirected) return location.reload();
      const body = await answer.json();
      show(body.figures);
      say(body.words, body.tone);
      document.dispatchEvent(new Event("dialer:changed"));
    } catch {
      button.form.submit();
    } finally {
      button.removeAttribute("aria-busy");
    }
  }

  function placeMenu(event) {
    if (event.newState !== "open") return;
    const menu = event.target;
    const at = document.querySelector(`[popovertarget="${menu.id}"]`).getBoundingClientRect();
    const box = menu.getBoundingClientRect();
    const below = at.bottom + box.height + 8 < innerHeight;
    menu.style.left = `${Math.max(8, Math.min(at.right - box.width, innerWidth - box.width - 8))}px`;
    menu.style.top = `${below ? at.bottom + 4 : Math.max(8, at.top - box.height - 4)}px`;
  }

  function isBeside(dialog, { target, clientX, clientY }) {
    const box = dialog.getBoundingClientRect();
    const inside = clientX >= box.left && clientX <= box.right && clientY >= box.top && clientY <= box.bottom;
    return target === dialog && !inside; // its own edge is the dialog, too
  }

  // The summary of a row as a dialog; its figures move with those of the list. Esc and a click beside it close it.
  async function openDialog(link) {
    const opener = document.querySelector(`[popovertarget="${link.closest("[popover]")?.id}"]`);
    try {
      const answer = await fetch(link.dataset.dialog);
      if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
      const dialog = document.createElement("dialog");
      dialog.className = "d-dialog";
      dialog.setAttribute("aria-labelledby", "d-dialog-title");
      dialog.innerHTML = await answer.text();
      dialog.addEventListener("mousedown", (press) => {
        if (!isBeside(dialog, press)) return;
        press.preventDefault(); // the focus goes back to the opener, not to what lies below
        dialog.close();
      });
      dialog.addEventListener("close", () => {
        dialog.remove();
        opener?.focus();
      });
      document.body.append(dialog);
      link.closest("[popover]")?.hidePopover();
      dialog.showModal();
    } catch {
      location.href = link.href;
    }
  }

  function offerQueues() {
    const type = document.querySelector("#campaign_form select[name=type]");
    const queue = document.querySelector("#campaign_form select[name=queue]");
    const pilot = document.querySelector("#campaign_form input[name=pilot_number]");
    if (!type || !queue) return;
    const offer = () => {
      for (const option of queue.options) {
        const fits = !option.dataset.kind || option.dataset.kind === type.value;
        option.hidden = option.disabled = !fits;
        if (!fits && option.selected) queue.value = "";
      }
    };
    queue.addEventListener("change", () => {
      const number = queue.selectedOptions[0]?.dataset.pilot;
      if (pilot && number && (!pilot.value || pilot.dataset.filled === pilot.value))
        pilot.value = pilot.dataset.filled = number;
    });
    type.addEventListener("change", offer);
    offer();
  }

  document.addEventListener("DOMContentLoaded", () => {
    find("[data-live-source]").forEach(follow);
    find("[popover].d-menu").forEach((menu) => menu.addEventListener("toggle", placeMenu));
    document.addEventListener("click", (event) => {
      const link = event.target.closest("[data-dialog]");
      if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey && window.HTMLDialogElement) {
        event.preventDefault();
        openDialog(link);
        return;
      }
      const button = event.target.closest("[data-run]");
      if (!button) return;
      event.preventDefault();
      run(button);
    });
    addEventListener("scroll", () => find(".d-menu:popover-open").forEach((menu) => menu.hidePopover()), true);
    offerQueues();
    // On a narrow screen the tabs scroll: the one that is open is seen.
    const tabs = document.querySelector(".d-tabs");
    const open = tabs?.querySelector(".d-active");
    if (open) tabs.scrollLeft = open.offsetLeft - (tabs.clientWidth - open.offsetWidth) / 2;
  });
})();
