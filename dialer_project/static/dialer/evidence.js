// A line that follows the sound through the picture of an attempt; a click in the picture plays from there.
(() => {
  "use strict";
  const sound = document.querySelector("[data-evidence-sound]"), picture = document.querySelector("svg.d-evidence");
  if (!sound || !picture) return;
  const line = picture.querySelector(".d-ev-playhead"), data = picture.dataset;
  const left = Number(data.evidenceLeft), width = Number(data.evidenceWidth), span = Number(data.evidenceMs) / 1000;

  function follow() {
    const x = left + width * Math.min(sound.currentTime / span, 1);
    line.setAttribute("x1", x);
    line.setAttribute("x2", x);
    line.setAttribute("visibility", "visible");
    if (!sound.paused) requestAnimationFrame(follow);
  }

  sound.addEventListener("play", follow);
  sound.addEventListener("seeked", follow);
  picture.classList.add("d-ev-clickable");
  picture.addEventListener("click", (event) => {
    const box = picture.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * 1000;
    if (x < left || x > left + width) return;
    sound.currentTime = Math.min(((x - left) / width) * span, sound.duration || span);
    sound.play();
  });
})();
