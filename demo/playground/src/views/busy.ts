import { button, byId, h } from "./dom.ts";

/** What is over sooner than that needs no word. */
const PATIENCE_MS = 400;

/** A word on something that goes on, with a way to end it. */
export interface Busy {
  /** Aborted when the user has had enough. */
  readonly signal: AbortSignal;
  /** Says how far it is. */
  readonly update: (note: string) => void;
  readonly end: () => void;
}

/** Says that something goes on, if it takes a while. */
export function showBusy(doing: string): Busy {
  const controller = new AbortController();
  const note = h("span", { class: "dim" });
  const cancel = button("Cancel", () => controller.abort(new DOMException("It was cancelled", "AbortError")));
  const notice = h("div", { class: "notice" }, h("p", {}, `${doing}… `, note), cancel);
  const timer = setTimeout(() => byId("notices").append(notice), PATIENCE_MS);
  return {
    signal: controller.signal,
    update: (text) => {
      note.textContent = text;
    },
    end: () => {
      clearTimeout(timer);
      notice.remove();
    },
  };
}
