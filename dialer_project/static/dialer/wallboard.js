"use strict";
// The wallboard's figures: one event a second. The browser's EventSource asks again by itself, with the last id.
(() => {
  const board = document.getElementById("wallboard");
  const state = document.getElementById("w-state");
  const chart = document.getElementById("w-chart");
  const legend = [...board.querySelectorAll("[data-result]")];
  const lang = document.documentElement.lang || undefined;
  const percent = new Intl.NumberFormat(lang, { maximumFractionDigits: 1 });
  let newsAt = Date.now();

  const tell = (words, tone) => {
    state.textContent = words;
    state.className = `d-badge d-${tone}`;
  };

  const cells = (values) => {
    const row = document.createElement("tr");
    for (const value of values) row.insertCell().textContent = value;
    return row;
  };

  const draw = (minutes) => {
    const most = Math.max(5, ...minutes.map((one) => Object.values(one).reduce((a, b) => a + b, 0)));
    const width = 600 / minutes.length;
    const bars = [];
    minutes.forEach((counts, place) => {
      let top = 220;
      for (const item of legend) {
        const count = counts[item.dataset.result] || 0;
        if (!count) continue;
        const height = (count / most) * 215;
        top -= height;
        const bar = document.createElementNS("http://www.w3.org/2000/svg", "rect");
        const css = item.dataset.result.toLowerCase().replaceAll("_", "-");
        bar.setAttribute("class", `d-${css}`);
        bar.setAttribute("x", place * width + 1);
        bar.setAttribute("y", top);
        bar.setAttribute("width", width - 2);
        bar.setAttribute("height", height);
        bars.push(bar);
      }
    });
    chart.replaceChildren(...bars);
    for (const item of legend) {
      const sum = minutes.reduce((all, one) => all + (one[item.dataset.result] || 0), 0);
      item.querySelector("b").textContent = sum.toLocaleString(lang);
    }
  };

  const states = Object.fromEntries(
    [...board.querySelectorAll("[data-agent-state]")].map((one, place) => [
      one.dataset.agentState,
      { label: one.textContent, tone: one.dataset.tone, place },
    ]),
  );

  // Minutes and seconds, with hours when there are some.
  const lasting = (seconds) => {
    const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
    return (parts[0] ? parts : parts.slice(1)).map((part) => String(part).padStart(2, "0")).join(":");
  };

  // Who is in which state and since when; those of one state together, who is longest in it first.
  const name = (queues, now) => {
    const lists = queues.filter((queue) => queue.agents.length).map((queue) => {
      const list = document.createElement("ul");
      list.className = "w-names";
      list.setAttribute("aria-label", queue.name);
      const agents = [...queue.agents].sort(
        (a, b) => states[a[1]].place - states[b[1]].place || a[2] - b[2] || a[0].localeCompare(b[0], lang),
      );
      for (const [agent, state, since] of agents) {
        const item = document.createElement("li");
        const badge = document.createElement("span");
        badge.className = `d-badge d-${states[state].tone}`;
        badge.textContent = states[state].label;
        const time = document.createElement("time");
        time.textContent = lasting(Math.max(0, Math.round(now - since)));
        item.append(agent, badge, time);
        list.append(item);
      }
      const title = document.createElement("h3");
      title.textContent = queue.name;
      return [title, list];
    });
    document.getElementById("w-agents").hidden = !lists.length;
    document.getElementById("w-names").replaceChildren(...lists.flat());
  };

  const show = (figures) => {
    newsAt = Date.now();
    tell(board.dataset.now, "good");
    for (const tile of board.querySelectorAll("[data-call]")) {
      tile.textContent = (figures.calls[tile.dataset.call] || 0).toLocaleString(lang);
    }
    for (const tile of board.querySelectorAll("[data-rate]")) {
      const rate = figures.rates[tile.dataset.rate];
      tile.textContent = rate === null ? "–" : `${percent.format(rate)} %`;
    }
    document.getElementById("w-abandoned").classList.toggle("w-over", figures.rates.abandoned > 3);
    const rows = figures.queues.map((q) => cells([q.name, q.free, q.busy, q.wrap_up, q.paused, q.out, q.waiting]));
    document.getElementById("w-queues").replaceChildren(...rows);
    draw(figures.minutes);
    name(figures.queues, figures.at);
  };

  const away = () => tell(board.dataset.away, "bad");

  // A browser gives an answer up that is no stream: the session has ended, or a proxy speaks for a server that is away.
  const listen = () => {
    const source = new EventSource(board.dataset.events);
    source.onmessage = (event) => show(JSON.parse(event.data));
    source.addEventListener("away", away);
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) setTimeout(look, 2000);
    };
  };
  const look = async () => {
    try {
      const answer = await fetch(board.dataset.events);
      if (answer.redirected || answer.status === 403) return location.reload();
    } catch {
      away();
    }
    listen();
  };
  listen();
  setInterval(() => {
    if (Date.now() - newsAt > 8000) away();
  }, 2000);
  document.getElementById("w-campaign").addEventListener("change", (event) => event.target.form.submit());
  document.getElementById("w-full").addEventListener("click", () => board.requestFullscreen());
})();
