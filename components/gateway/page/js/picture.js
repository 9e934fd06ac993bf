// Pictures become what a model can decode: JPEG or PNG of a sensible size.

const SIDE = 1024;
const READY = ["image/jpeg", "image/png"];
const SMALL = 1_000_000;

export async function preparePicture(file) {
  const bitmap = await createImageBitmap(file);
  const draw = (canvas) => paint(canvas, bitmap, 480);
  if (READY.includes(file.type) && file.size <= SMALL) return { blob: file, name: file.name || "picture", draw };
  const canvas = document.createElement("canvas");
  paint(canvas, bitmap, SIDE);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.9));
  return { blob, name: `${(file.name || "picture").replace(/\.\w+$/, "")}.jpg`, draw };
}

function paint(canvas, bitmap, side) {
  const scale = Math.min(1, side / Math.max(bitmap.width, bitmap.height));
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = canvas.getContext("2d");
  // Transparency would become black in a JPEG.
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
}
