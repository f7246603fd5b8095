import { h } from "./dom.ts";

/** Strings (with the colon of a key), numbers, and words of JSON. */
const TOKEN = /("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|\b(true|false|null)\b/g;

/** JSON with colours, each piece as text. */
export function jsonView(text: string, label: string): HTMLElement {
  const shown = indented(text);
  const code = h("code", {});
  let end = 0;
  for (const match of shown.matchAll(TOKEN)) {
    const [, string, colon, number] = match;
    code.append(shown.slice(end, match.index));
    const kind =
      colon !== undefined ? "key" : string !== undefined ? "string" : number !== undefined ? "number" : "word";
    code.append(h("span", { class: kind }, string ?? match[0]), colon ?? "");
    end = match.index + match[0].length;
  }
  code.append(shown.slice(end));
  return h("pre", { class: "json", tabindex: 0, role: "group", "aria-label": label }, code);
}

function indented(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), undefined, 2);
  } catch {
    return text;
  }
}
