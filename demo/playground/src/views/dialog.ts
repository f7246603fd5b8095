import { h } from "./dom.ts";

interface Question {
  readonly title: string;
  readonly text?: string;
}

/** Asks for one of several answers. @returns the one that was chosen, or nothing if the question was closed */
export async function choose<Answer extends string>(
  { title, text }: Question,
  answers: Readonly<Record<Answer, string>>,
  dangerous = false,
): Promise<Answer | undefined> {
  const buttons = (Object.entries(answers) as [Answer, string][]).map(([value, label], index) =>
    h("button", { value, class: index === 0 ? (dangerous ? "danger" : "primary") : undefined }, label),
  );
  const answer = await ask(title, [text === undefined ? undefined : h("p", {}, text)], buttons);
  return answer === undefined ? undefined : (answer as Answer);
}

/** Asks whether to do something that cannot be undone. */
export async function confirmLoss(question: Question, label: string): Promise<boolean> {
  return (await choose(question, { yes: label }, true)) === "yes";
}

/** Asks for a line of text. */
export async function askText(
  { title, text }: Question,
  { label, value, action }: { readonly label: string; readonly value: string; readonly action: string },
): Promise<string | undefined> {
  const input = h("input", { type: "text", value, autocomplete: "off", spellcheck: "false", autofocus: true });
  const answer = await ask(
    title,
    [text === undefined ? undefined : h("p", {}, text), h("label", {}, label, input)],
    [h("button", { value: "ok", class: "primary" }, action)],
    () => {
      // The name without its ending is what is changed most often.
      input.setSelectionRange(input.value.lastIndexOf("/") + 1, input.value.length);
    },
  );
  const entered = input.value.trim();
  return answer === undefined || entered === "" ? undefined : entered;
}

/** Shows a modal dialog until a button is pressed. @returns the button's value, or nothing if it was closed */
async function ask(
  title: string,
  body: readonly (Node | undefined)[],
  buttons: readonly HTMLButtonElement[],
  shown: () => void = () => undefined,
): Promise<string | undefined> {
  const cancel = h("button", { type: "button", onclick: () => dialog.close() }, "Cancel");
  const dialog = h(
    "dialog",
    { "aria-labelledby": "dialog-title" },
    h(
      "form",
      { method: "dialog" },
      h("h2", { id: "dialog-title" }, title),
      ...body,
      h("div", { class: "tools end" }, cancel, ...buttons),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
  shown();
  await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  dialog.remove();
  return dialog.returnValue === "" ? undefined : dialog.returnValue;
}
