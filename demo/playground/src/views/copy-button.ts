import { attempt } from "../app.ts";
import { button } from "./dom.ts";

const SAID_MS = 1_500;

/** A button that puts text into the clipboard. */
export function copyButton(text: string, label: string): HTMLButtonElement {
  const copy = button("Copy", () => {
    void attempt("Copying", async () => {
      await navigator.clipboard.writeText(text);
      copy.textContent = "Copied";
      setTimeout(() => {
        copy.textContent = "Copy";
      }, SAID_MS);
    });
  });
  copy.className = "quiet";
  copy.setAttribute("aria-label", label);
  return copy;
}
