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
    const rows = figures.queues.map((q) => cells([q.name, q.free, q.busy, q.paused, q.out, q.waiting]));
    document.getElementById("w-queues").replaceChildren(...rows);
    draw(figures.minutes);
  };

  const away = () => tell(board.dataset.away, "bad");
  const source = new EventSource(board.dataset.events);
  source.onmessage = (event) => show(JSON.parse(event.data));
  source.addEventListener("away", away);
  setInterval(() => {
    if (Date.now() - newsAt > 8000) away();
  }, 2000);
  document.getElementById("w-campaign").addEventListener("change", (event) => event.target.form.submit());
  document.getElementById("w-full").addEventListener("click", () => board.requestFullscreen());
})();
