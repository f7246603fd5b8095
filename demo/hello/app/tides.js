// A tide of one constituent, the moon's (M2): enough for a page that works, too little for a boat.
const PERIOD_HOURS = 12.4206012;
const REFERENCE = Date.UTC(2000, 0, 1, 4, 30);

/** Height in metres over the mean level, `range` metres from low to high water. */
export function heightAt(time, range) {
  const hours = (time - REFERENCE) / 3_600_000;
  return (range / 2) * Math.cos((2 * Math.PI * hours) / PERIOD_HOURS);
}

/** High and low waters of the 24 hours from `start` on. */
export function turningPoints(start, range) {
  const half = PERIOD_HOURS / 2;
  const first = Math.ceil((start - REFERENCE) / 3_600_000 / half);
  const points = [];
  for (let n = first; ; n++) {
    const time = REFERENCE + n * half * 3_600_000;
    if (time >= start + 24 * 3_600_000) return points;
    points.push({ time, kind: n % 2 === 0 ? "high" : "low", height: heightAt(time, range) });
  }
}

function draw(form) {
  const start = Date.parse(`${form.day.value}T00:00:00Z`);
  const range = Number(form.range.value);
  if (Number.isNaN(start) || !(range > 0)) return;
  const path = [];
  for (let x = 0; x <= 960; x += 8) {
    const y = 120 - (heightAt(start + (x / 960) * 86_400_000, range) / range) * 200;
    path.push(`${path.length === 0 ? "M" : "L"}${x} ${y.toFixed(1)}`);
  }
  document.querySelector("#curve").innerHTML = `<path d="${path.join("")}"/>`;
  document.querySelector("#times").replaceChildren(
    ...turningPoints(start, range).map(({ time, kind, height }) => {
      const row = document.createElement("tr");
      row.className = kind;
      for (const text of [new Date(time).toISOString().slice(11, 16), kind, `${height.toFixed(1)} m`]) {
        row.append(Object.assign(document.createElement("td"), { textContent: text }));
      }
      return row;
    }),
  );
}

if (globalThis.document) {
  const form = document.querySelector("form").elements;
  form.day.value = new Date().toISOString().slice(0, 10);
  document.querySelector("form").addEventListener("input", () => draw(form));
  draw(form);
}
