import type { FileNode, TreeNode } from "slipway";
import { type App, attempt } from "../app.ts";
import { formatBytes } from "../format.ts";
import { EDITABLE_BYTES, type EditableText, editableText, fileText } from "../model/text-file.ts";
import type { WorkspaceState } from "../model/workspace.ts";
import { h, shownName } from "./dom.ts";
import { nodeAt } from "./tree-rows.ts";

/** How long after the last key what was typed is written down. */
const SAVE_AFTER_MS = 400;

/** The chosen file: its text to be edited, or what else can be said of it. What is typed is saved by itself. */
export class Editor {
  readonly #app: App;
  readonly #container: HTMLElement;
  readonly #status: HTMLElement = h("span", { class: "dim", role: "status" });
  #path = "/";
  /** The content that is shown, or being loaded. */
  #shown: string | undefined;
  #area: HTMLTextAreaElement | undefined;
  #lineEnd: EditableText["lineEnd"] = "\n";
  #timer: ReturnType<typeof setTimeout> | undefined;
  #dirty = false;
  /** The file that gets the focus as soon as it is shown. */
  #awaited: string | undefined;

  constructor(container: HTMLElement, app: App) {
    this.#container = container;
    this.#app = app;
    app.flush.editor = () => this.flush();
    document.addEventListener("visibilitychange", () => void attempt("Saving", () => this.flush()));
    // Only for what was typed in the last moment, or could not be saved.
    window.addEventListener("beforeunload", (event) => {
      if (this.#dirty) event.preventDefault();
    });
  }

  /** Lets the user type into a file as soon as it is shown. */
  focusOn(path: string): void {
    this.#awaited = path;
  }

  /** Shows another file. What was typed before is saved first. */
  async open(path: string): Promise<void> {
    await attempt("Saving", () => this.flush());
    this.#path = path;
    await this.update(this.#app.workspace.state);
  }

  /** Shows the file as it is now, unless it is what is shown. */
  async update({ tree }: WorkspaceState): Promise<void> {
    const path = this.#path;
    const node = nodeAt(tree, path);
    const shown = `${path} ${node?.type} ${node?.type === "file" ? `${node.content} ${node.mode}` : ""}`;
    if (shown === this.#shown || this.#dirty) return;
    this.#shown = shown;
    if (node?.type === "file" && node.size <= EDITABLE_BYTES) {
      await attempt(`Reading ${path}`, async () => {
        const bytes = await this.#app.workspace.read(path);
        if (this.#shown === shown && !this.#dirty) this.#show(path, node, editableText(bytes));
      });
      return;
    }
    this.#show(path, node, `It has more than ${formatBytes(EDITABLE_BYTES)}.`);
  }

  /** Writes down what was typed. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    const area = this.#area;
    if (!this.#dirty || area === undefined) return;
    const path = this.#path;
    const text = area.value;
    this.#status.textContent = "Saving…";
    this.#dirty = false;
    try {
      await this.#app.workspace.edit(async (work) => {
        await work.writeFile(path, fileText(text, this.#lineEnd));
      });
    } catch (error) {
      this.#dirty = true;
      this.#status.textContent = "Not saved";
      throw error;
    }
    this.#status.textContent = "Saved";
  }

  #show(path: string, node: TreeNode | undefined, content: EditableText | string): void {
    const typing = this.#area !== undefined && document.activeElement === this.#area;
    const before = this.#area;
    this.#area = undefined;
    if (node === undefined || path === "/" || node.type === "directory") {
      this.#container.replaceChildren(directoryNote(path, node));
      return;
    }
    if (node.type !== "file") {
      const what =
        node.type === "symlink" ? `A symbolic link to ${shownName(node.target)}` : `A special file (${node.type})`;
      this.#container.replaceChildren(h("div", { class: "empty" }, h("h3", {}, shownName(path)), h("p", {}, what)));
      return;
    }
    const head = h(
      "div",
      { class: "tools head" },
      h("label", { for: "file-text", title: shownName(path) }, shownName(path)),
    );
    head.append(this.#executable(path, node), h("span", { class: "dim" }, formatBytes(node.size)), this.#status);
    if (typeof content === "string") {
      this.#status.textContent = "";
      const note = h("div", { class: "empty" }, h("p", {}, `${formatBytes(node.size)}. Not shown as text: ${content}`));
      this.#container.replaceChildren(head, note);
      return;
    }
    this.#lineEnd = content.lineEnd;
    if (before?.dataset.path === path && before.value === content.text) {
      // Only what is above it has changed: the caret stays where it is.
      this.#area = before;
      this.#container.firstElementChild?.replaceWith(head);
      return;
    }
    this.#status.textContent = "";
    this.#area = this.#textarea(path, content.text);
    this.#container.replaceChildren(head, this.#area);
    if (typing || this.#awaited === path) this.#area.focus();
    this.#awaited = undefined;
  }

  #textarea(path: string, text: string): HTMLTextAreaElement {
    const area = h("textarea", {
      id: "file-text",
      "data-path": path,
      spellcheck: "false",
      autocapitalize: "off",
      autocomplete: "off",
      wrap: "off",
      oninput: () => {
        this.#dirty = true;
        this.#status.textContent = "…";
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => void attempt(`Saving ${path}`, () => this.flush()), SAVE_AFTER_MS);
      },
      onblur: () => void attempt(`Saving ${path}`, () => this.flush()),
      onkeydown: (event: KeyboardEvent) => {
        if (event.key !== "s" || !(event.ctrlKey || event.metaKey)) return;
        event.preventDefault();
        void attempt(`Saving ${path}`, () => this.flush());
      },
    });
    area.value = text;
    return area;
  }

  #executable(path: string, { mode }: FileNode): HTMLElement {
    const box = h("input", { type: "checkbox", checked: (mode & 0o111) !== 0 });
    box.addEventListener("change", () => {
      const wanted = box.checked ? mode | 0o111 : mode & ~0o111;
      void attempt(`Changing ${path}`, async () => {
        await this.flush();
        await this.#app.workspace.edit((work) => work.chmod(path, wanted));
      });
    });
    return h(
      "label",
      { class: "check" },
      box,
      "Executable ",
      h("span", { class: "dim" }, mode.toString(8).padStart(4, "0")),
    );
  }
}

function directoryNote(path: string, node: TreeNode | undefined): HTMLElement {
  if (node?.type !== "directory" || path === "/") {
    return h("div", { class: "empty" }, h("p", {}, "Choose a file to see and edit it."));
  }
  const count = node.entries.size;
  return h(
    "div",
    { class: "empty" },
    h("h3", {}, `${shownName(path)}/`),
    h("p", {}, `A folder with ${count} ${count === 1 ? "entry" : "entries"}. What you add now goes in here.`),
  );
}
