import { type App, attempt } from "../app.ts";
import { type SettingName, type Settings, saveSettings, settingProblem } from "../model/settings.ts";
import { byId, h } from "./dom.ts";

interface Field {
  readonly name: SettingName;
  readonly label: string;
  readonly hint: string;
  readonly lines?: true;
  /** Two stand side by side. */
  readonly half?: true;
}

const FIELDS: readonly Field[] = [
  { name: "name", label: "Name", hint: "hello:1, or several" },
  { name: "entrypoint", label: "Entrypoint", hint: 'Words, or ["/bin/app", "-v"]' },
  { name: "cmd", label: "Arguments", hint: "What follows the entrypoint by default" },
  { name: "workingDir", label: "Working directory", hint: "/ by default", half: true },
  { name: "user", label: "User", hint: "Name or number; root by default", half: true },
  { name: "ports", label: "Ports", hint: "80, 53/udp", half: true },
  { name: "platforms", label: "Platforms", hint: "Several make an index", half: true },
  { name: "env", label: "Environment", hint: "KEY=VALUE, one on each line", lines: true },
  { name: "labels", label: "Labels", hint: "KEY=VALUE, one on each line", lines: true },
];

const CHECK_AFTER_MS = 250;

/** The form with the image's settings, checked as they are typed and remembered. @returns what reads them */
export function settingsForm(app: App, saved: Settings): () => Settings {
  const form = byId("settings");
  const inputs = new Map<SettingName, HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement>();
  for (const field of FIELDS) form.append(fieldOf(field));
  form.append(compression());
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const [name, input] of inputs) input.value = saved[name];

  let timer: ReturnType<typeof setTimeout> | undefined;
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(save, CHECK_AFTER_MS);
  });
  // What was typed just before the page is left is remembered, too.
  form.addEventListener("focusout", save);

  const read = (): Settings => {
    const texts = [...inputs].map(([name, input]) => [name, input.value] as const);
    return { ...saved, ...Object.fromEntries(texts) };
  };
  return read;

  function save(): void {
    clearTimeout(timer);
    void attempt("Remembering the settings", () => app.serial.run(() => saveSettings(app.stores.metadata, read())));
  }

  function fieldOf({ name, label, hint, lines, half }: Field): HTMLElement {
    const id = `setting-${name}`;
    const described = `${id}-hint ${id}-problem`;
    const properties = { id, name, spellcheck: "false", autocapitalize: "off", "aria-describedby": described };
    const input = lines ? h("textarea", { ...properties, rows: 2 }) : h("input", { ...properties, type: "text" });
    const problem = h("p", { id: `${id}-problem`, class: "problem" });
    inputs.set(name, input);
    let check: ReturnType<typeof setTimeout> | undefined;
    input.addEventListener("input", () => {
      clearTimeout(check);
      check = setTimeout(() => void judge(), CHECK_AFTER_MS);
    });
    const judge = async (): Promise<void> => {
      const text = input.value;
      const found = await settingProblem(name, text);
      if (input.value !== text) return;
      problem.textContent = found ?? "";
      if (found === undefined) input.removeAttribute("aria-invalid");
      else input.setAttribute("aria-invalid", "true");
    };
    return h(
      "div",
      { class: half ? "field half" : "field" },
      h("label", { for: id }, label),
      input,
      h("p", { id: `${id}-hint`, class: "hint dim" }, hint),
      problem,
    );
  }

  function compression(): HTMLElement {
    const select = h(
      "select",
      { id: "setting-compression", name: "compression" },
      h("option", { value: "gzip" }, "gzip"),
      h("option", { value: "uncompressed" }, "none"),
    );
    inputs.set("compression", select);
    return h("div", { class: "field half" }, h("label", { for: "setting-compression" }, "Compression"), select);
  }
}
