/* Returns the texts whose contrast with what is behind them is below 4.5 to 1 (WCAG 2.2, AA), with the ratio. */
() => {
  const paint = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const pixel = colour => {
    paint.clearRect(0, 0, 1, 1);
    paint.fillStyle = colour;
    paint.fillRect(0, 0, 1, 1);
    return [...paint.getImageData(0, 0, 1, 1).data];
  };
  const linear = value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const light = ([red, green, blue]) =>
    0.2126 * linear(red / 255) + 0.7152 * linear(green / 255) + 0.0722 * linear(blue / 255);
  const behind = node => {
    const colour = node ? pixel(getComputedStyle(node).backgroundColor) : [255, 255, 255, 255];
    return colour[3] === 255 ? colour : behind(node.parentElement);
  };
  const ratio = node => {
    const [one, other] = [light(pixel(getComputedStyle(node).color)), light(behind(node))];
    return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
  };
  const says = node => [...node.childNodes].some(child => child.nodeType === Node.TEXT_NODE && child.data.trim());
  return [...document.querySelectorAll(".body *")]
    .filter(node => node.checkVisibility() && says(node))
    .map(node => [node.id || node.tagName, ratio(node)])
    .filter(([, found]) => found < 4.5);
}
