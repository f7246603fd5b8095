import type { ProgressEvent } from "slipway";
import { type App, attempt } from "../app.ts";
import { loadRelay, type RegistryAccess, saveRelay } from "../model/registries.ts";
import { button, h } from "./dom.ts";
import { tell } from "./notices.ts";
import { ProgressList } from "./progress-list.ts";

/** What is done with a registry. */
export interface RegistryTask {
  /** Ids of the fields begin with it. */
  readonly id: string;
  readonly summary: string;
  /** On the button. */
  readonly action: string;
  /** For what is said of it: `Pushing`. */
  readonly doing: string;
  /** What the field for the image holds at first, and what it is for. */
  readonly reference: string;
  readonly hint: string;
  /** @returns what to say when it is done */
  readonly run: (
    reference: string,
    access: RegistryAccess,
    options: { readonly signal: AbortSignal; readonly onProgress: (event: ProgressEvent) => void },
  ) => Promise<string>;
}

/** What was typed into one of the forms stands in the next one too. Kept nowhere but here. */
const typed = { username: "", password: "" };

/** A form, folded up at first, that names an image at a registry and how to get there. */
export function registryForm(app: App, task: RegistryTask): HTMLDetailsElement {
  let running: AbortController | undefined;
  const input = (name: string, type: string, value: string): HTMLInputElement =>
    h("input", {
      id: `${task.id}-${name}`,
      type,
      value,
      autocomplete: "off",
      autocapitalize: "off",
      spellcheck: "false",
    });
  const reference = input("reference", "text", task.reference);
  const username = input("user", "text", "");
  const password = input("password", "password", "");
  const relay = input("relay", "text", "");
  const start = h("button", { class: "primary" }, task.action);
  const cancel = button("Cancel", () => running?.abort(new DOMException("It was cancelled", "AbortError")));
  const said = h("p", { class: "visually-hidden", role: "status" });
  const progress = new ProgressList((message) => {
    said.textContent = message;
  });
  cancel.hidden = true;

  const form = h(
    "form",
    { class: "registry-form", novalidate: true, onsubmit: submit },
    field(reference, "Image", task.hint),
    field(username, "User", "Only if the registry asks for one", true),
    field(password, "Password or token", "Forgotten when the page is closed", true),
    field(relay, "Relay", "Address of a relay, for registries that do not talk to pages. Empty: directly"),
    h("div", { class: "field tools" }, start, cancel),
  );
  const details = h("details", { class: "registry" }, h("summary", {}, task.summary), form, progress.element, said);
  details.addEventListener("toggle", () => void (details.open && fill()));
  return details;

  async function fill(): Promise<void> {
    username.value ||= typed.username;
    password.value ||= typed.password;
    relay.value ||= await loadRelay(app.stores);
  }

  function submit(event: Event): void {
    event.preventDefault();
    if (running === undefined) void run();
  }

  async function run(): Promise<void> {
    const name = reference.value.trim();
    running = new AbortController();
    const { signal } = running;
    const access = { username: username.value.trim(), password: password.value, relay: relay.value.trim() };
    Object.assign(typed, { username: access.username, password: access.password });
    start.disabled = true;
    cancel.hidden = false;
    cancel.focus();
    progress.clear();
    await attempt(task.doing, async () => {
      await saveRelay(app.stores, access.relay);
      try {
        tell(await task.run(name, access, { signal, onProgress: (step) => progress.show(step) }));
        details.open = false;
        progress.clear();
      } catch (error) {
        if (!signal.aborted) throw error;
        progress.clear();
        tell(`${task.doing} was cancelled.`);
      }
    });
    running = undefined;
    start.disabled = false;
    const hadFocus = document.activeElement === cancel;
    cancel.hidden = true;
    if (hadFocus) start.focus();
  }
}

function field(input: HTMLInputElement, label: string, hint: string, half = false): HTMLElement {
  const hintId = `${input.id}-hint`;
  input.setAttribute("aria-describedby", hintId);
  return h(
    "div",
    { class: half ? "field half" : "field" },
    h("label", { for: input.id }, label),
    input,
    h("p", { id: hintId, class: "hint dim" }, hint),
  );
}
