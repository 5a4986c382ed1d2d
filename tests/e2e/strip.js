// A function that reads the test camera's time code off a <video> of 1280 pixels: microseconds as decimal digits.
// 64 blocks of 16 pixels, white is one.
function stripOf(video) {
  const context = new OffscreenCanvas(1024, 16).getContext("2d", { willReadFrequently: true });
  return () => {
    context.drawImage(video, 0, 0, 1024, 16, 0, 0, 1024, 16);
    const pixels = context.getImageData(0, 0, 1024, 16).data;
    let code = 0n;
    for (let bit = 0; bit < 64; bit += 1) {
      let light = 0;
      for (const [x, y] of [[6, 6], [9, 6], [6, 9], [9, 9]]) light += pixels[4 * (y * 1024 + bit * 16 + x) + 1];
      code = (code << 1n) | (light > 4 * 127 ? 1n : 0n);
    }
    return code.toString();
  };
}
