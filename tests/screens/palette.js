// The pixels of a picture with at most 256 colours: the palette, and an index for each pixel, in base64.
async (picture) => {
  const bitmap = await createImageBitmap(await (await fetch("data:image/png;base64," + picture)).blob());
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context.drawImage(bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  const shade = (at) => ((data[at] >> 3) << 10) | ((data[at + 1] >> 3) << 5) | (data[at + 2] >> 3);
  const sums = new Map(); // shade → how many pixels, and the sums of their red, green and blue
  for (let at = 0; at < data.length; at += 4) {
    const key = shade(at);
    const sum = sums.get(key) ?? sums.set(key, [0, 0, 0, 0]).get(key);
    sum[0] += 1;
    for (let part = 0; part < 3; part++) sum[part + 1] += data[at + part];
  }
  const kept = [...sums.entries()].sort((one, other) => other[1][0] - one[1][0]).slice(0, 256);
  const palette = kept.map(([, [count, ...parts]]) => parts.map((part) => Math.round(part / count)));
  const places = new Map(kept.map(([key], place) => [key, place]));
  const nearest = (at) => {
    const apart = (colour) => colour.reduce((sum, part, which) => sum + (part - data[at + which]) ** 2, 0);
    return palette.reduce((best, colour, place) => (apart(colour) < apart(palette[best]) ? place : best), 0);
  };
  const indexes = new Uint8Array(width * height);
  for (let at = 0; at < data.length; at += 4) {
    const key = shade(at);
    if (!places.has(key)) places.set(key, nearest(at));
    indexes[at / 4] = places.get(key);
  }
  let pixels = "";
  for (let at = 0; at < indexes.length; at += 32768) pixels += String.fromCharCode(...indexes.subarray(at, at + 32768));
  return { width, height, palette, pixels: btoa(pixels) };
}
