// A picture or a sound as the question: chosen, dropped, pasted or recorded.

import { announce, find, h, icon } from "./dom.js";
import { preparePicture } from "./picture.js";
import { prepareSound, record } from "./sound.js";

const TEXTS = {
  image: { choose: "Choose a picture", drop: "or drop one here, or paste it", accept: "image/*", refused: "This file is not a picture that the browser can read." },
  audio: { choose: "Choose a sound", drop: "or drop one here", accept: "audio/*", refused: "This file is not a sound that the browser can read." },
};

export class Upload {
  constructor(root, { onFile, onClear }) {
    Object.assign(this, { root, onFile, onClear, file: null, kind: null });
    for (const name of ["dragenter", "dragover"]) {
      root.addEventListener(name, (event) => {
        event.preventDefault();
        root.dataset.over = "";
      });
    }
    for (const name of ["dragleave", "drop"]) root.addEventListener(name, () => delete root.dataset.over);
  }

  show(kind) {
    this.root.hidden = !kind;
    if (kind === this.kind) return;
    this.kind = kind;
    this.file = null;
    this.recording?.stop();
    this.#render();
  }

  clear({ quiet = false } = {}) {
    this.file = null;
    this.#render();
    if (!quiet) this.onClear();
  }

  async take(file) {
    const { kind } = this;
    this.#render();
    try {
      const prepared = kind === "image" ? await preparePicture(file) : await prepareSound(file);
      // The kind can have been switched while a long file was decoded.
      if (kind !== this.kind) return;
      this.file = prepared;
      this.#render();
      this.onFile();
    } catch {
      this.file = null;
      this.#render(TEXTS[kind].refused);
      this.onClear();
    }
  }

  #render(wrong = "") {
    if (!this.kind) return;
    this.root.replaceChildren(...(this.file ? this.#chosen() : this.#empty()));
    if (wrong) this.root.append(h("p", { class: "wrong", role: "alert" }, wrong));
  }

  #choose(text) {
    const input = h("input", { type: "file", class: "sr", accept: TEXTS[this.kind].accept });
    input.addEventListener("change", () => input.files[0] && this.take(input.files[0]));
    return h("label", { class: "solid file" }, input, icon("upload"), text);
  }

  #empty() {
    const { choose, drop } = TEXTS[this.kind];
    const canRecord = this.kind === "audio" && navigator.mediaDevices && globalThis.MediaRecorder;
    return [
      h("div", { class: "row" }, canRecord && this.#recorder(), this.#choose(choose)),
      h("p", { class: "muted drop" }, drop),
    ];
  }

  #recorder() {
    const text = h("span", {}, "Record");
    const button = h("button", { type: "button", class: "solid record", "aria-pressed": "false" }, icon("sound"), text);
    button.addEventListener("click", async () => {
      if (this.recording) {
        this.recording.stop();
        return;
      }
      try {
        const recording = await record((seconds) => {
          text.textContent = `Stop, ${seconds.toFixed(0)} s`;
        });
        this.recording = recording;
        text.textContent = "Stop";
        button.setAttribute("aria-pressed", "true");
        announce("Recording.");
        const sound = await recording.done;
        this.recording = undefined;
        if (this.kind === "audio") this.take(sound);
      } catch {
        this.recording = undefined;
        this.#render("The microphone cannot be used. Allow it for this page, or choose a file.");
      }
    });
    return button;
  }

  #chosen() {
    const { file, kind } = this;
    const canvas = h("canvas", { role: "img", "aria-label": kind === "image" ? `Picture ${file.name}` : `Wave form of ${file.name}` });
    // The colour of the wave is the page's, known once the canvas is in it.
    queueMicrotask(() => file.draw(canvas));
    const play = kind === "audio" && h("button", { type: "button", onclick: () => file.play() }, icon("play"), "Play");
    const remove = h("button", { type: "button", onclick: () => this.#remove() }, icon("close"), "Remove");
    const seconds = file.seconds ? `, ${file.seconds.toFixed(1)} s` : "";
    return [
      h("figure", { class: kind }, canvas, h("figcaption", {}, `${file.name}${seconds}`)),
      h("div", { class: "row" }, play, this.#choose("Another"), remove),
    ];
  }

  #remove() {
    this.clear();
    find("button, input", this.root).focus();
  }
}
