// Sounds become what a model can decode: WAV, 16 bit, one channel.

const RATE = 16_000;
const LONGEST = 30;

export async function prepareSound(file) {
  const context = new OfflineAudioContext(1, 1, RATE);
  const decoded = await context.decodeAudioData(await file.arrayBuffer());
  const samples = await oneChannel(decoded);
  const name = `${(file.name || "recording").replace(/\.\w+$/, "")}.wav`;
  return { blob: wav(samples), name, draw: (canvas) => wave(canvas, samples), play: () => play(samples), seconds: samples.length / RATE };
}

async function oneChannel(decoded) {
  const seconds = Math.min(decoded.duration, LONGEST);
  const context = new OfflineAudioContext(1, Math.max(1, Math.ceil(seconds * RATE)), RATE);
  const source = context.createBufferSource();
  source.buffer = decoded;
  source.connect(context.destination);
  source.start();
  return (await context.startRendering()).getChannelData(0);
}

export function wav(samples) {
  const view = new DataView(new ArrayBuffer(44 + samples.length * 2));
  const text = (at, word) => [...word].forEach((letter, index) => view.setUint8(at + index, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 36 + samples.length * 2, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, RATE, true);
  view.setUint32(28, RATE * 2, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, samples.length * 2, true);
  samples.forEach((sample, index) => {
    const value = Math.max(-1, Math.min(1, sample));
    view.setInt16(44 + index * 2, value < 0 ? value * 0x8000 : value * 0x7fff, true);
  });
  return new Blob([view], { type: "audio/wav" });
}

function play(samples) {
  const context = new AudioContext();
  const buffer = context.createBuffer(1, samples.length, RATE);
  buffer.copyToChannel(samples, 0);
  const source = context.createBufferSource();
  source.buffer = buffer;
  source.connect(context.destination);
  source.onended = () => context.close();
  source.start();
}

function wave(canvas, samples) {
  canvas.width = 480;
  canvas.height = 96;
  const context = canvas.getContext("2d");
  context.fillStyle = getComputedStyle(canvas).color;
  const step = Math.max(1, Math.floor(samples.length / 120));
  for (let bar = 0; bar < 120; bar += 1) {
    const part = samples.subarray(bar * step, (bar + 1) * step);
    const peak = part.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0.015);
    context.fillRect(bar * 4, 48 - peak * 46, 2.5, peak * 92);
  }
}

// Resolves `done` with the recording once `stop` is called or the longest time has passed.
export async function record(onTick) {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  const recorder = new MediaRecorder(stream);
  const pieces = [];
  const began = performance.now();
  recorder.ondataavailable = ({ data }) => pieces.push(data);
  const done = new Promise((resolve) => {
    recorder.onstop = () => {
      clearInterval(timer);
      stream.getTracks().forEach((track) => track.stop());
      resolve(new File(pieces, "recording.webm", { type: recorder.mimeType }));
    };
  });
  const stop = () => recorder.state === "recording" && recorder.stop();
  const timer = setInterval(() => {
    const seconds = (performance.now() - began) / 1000;
    onTick(seconds);
    if (seconds >= LONGEST) stop();
  }, 200);
  recorder.start();
  return { stop, done };
}
