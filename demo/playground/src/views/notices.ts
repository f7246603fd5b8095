import { describeError } from "../format.ts";
import { button, byId, h } from "./dom.ts";

/** How long what is no error stays. */
const SHOWN_MS = 8_000;

/** Says something that needs no answer, and goes away by itself. */
export function tell(message: string): void {
  const close = tellUntil(message);
  setTimeout(close, SHOWN_MS);
}

/** Says something that holds for a while. @returns what takes it away */
export function tellUntil(message: string): () => void {
  const notice = show(h("p", {}, message), "notice");
  return () => notice.remove();
}

/** Says what went wrong, and stays until it is closed or the same thing is tried again. */
export function tellError(doing: string, error: unknown): void {
  const notice = show(h("p", { role: "alert" }, `${doing}: ${describeError(error)}`), "notice error");
  notice.dataset.doing = doing;
}

/** Takes away what was said of an earlier try. */
export function forgetErrors(doing: string): void {
  for (const notice of [...byId("notices").children]) {
    if ((notice as HTMLElement).dataset.doing === doing) notice.remove();
  }
}

/** The same message twice stands there once. */
function show(text: HTMLElement, kind: string): HTMLElement {
  const notices = byId("notices");
  for (const shown of [...notices.children]) if (shown.firstChild?.textContent === text.textContent) shown.remove();
  const notice = h("div", { class: kind }, text);
  notice.append(button("×", () => notice.remove(), { class: "quiet", "aria-label": "Close this message" }));
  notices.append(notice);
  return notice;
}
