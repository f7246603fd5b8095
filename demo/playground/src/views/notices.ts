import { describeError } from "../format.ts";
import { button, byId, h } from "./dom.ts";

/** How long what is no error stays. */
const SHOWN_MS = 8_000;

/** Says something that needs no answer, and goes away by itself. */
export function tell(message: string): void {
  const notice = show(message, h("p", {}, message), "notice");
  setTimeout(() => notice.remove(), SHOWN_MS);
}

/** Says what went wrong, and stays until it is closed. */
export function tellError(doing: string, error: unknown): void {
  const message = `${doing}: ${describeError(error)}`;
  show(message, h("p", { role: "alert" }, message), "notice error");
}

/** The same message twice stands there once. */
function show(message: string, text: HTMLElement, kind: string): HTMLElement {
  const notices = byId("notices");
  for (const shown of [...notices.children]) if (shown.firstChild?.textContent === message) shown.remove();
  const notice = h("div", { class: kind }, text);
  notice.append(button("×", () => notice.remove(), { class: "quiet", "aria-label": "Close this message" }));
  notices.append(notice);
  return notice;
}
