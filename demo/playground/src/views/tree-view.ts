import type { ChangeKind } from "slipway";
import { formatBytes } from "../format.ts";
import type { WorkspaceState } from "../model/workspace.ts";
import { h, shownName } from "./dom.ts";
import { ENTRIES_SHOWN, type MoreRow, nodeAt, parentOf, type TreeRow, treeRows } from "./tree-rows.ts";

/** What the tree tells. */
export interface TreeEvents {
  /** Something was chosen; `/` if nothing is. */
  readonly select: (path: string) => void;
  readonly rename: (path: string) => void;
  readonly remove: (path: string) => void;
}

/** The file tree, with the keys that WAI-ARIA describes for one. */
export class TreeView {
  readonly #list: HTMLUListElement = h("ul", { role: "tree", "aria-label": "Files of the image" });
  readonly #empty: HTMLElement = h(
    "div",
    { class: "empty" },
    h("p", {}, h("strong", {}, "Drop files, folders or an archive anywhere on this page.")),
    h("p", {}, "Or begin with a new file."),
  );
  readonly #events: TreeEvents;
  readonly #open = new Set<string>();
  readonly #limits = new Map<string, number>();
  #state: WorkspaceState | undefined;
  #marks: ReadonlyMap<string, ChangeKind> = new Map();
  #selected = "/";

  constructor(container: HTMLElement, events: TreeEvents) {
    this.#events = events;
    container.append(this.#empty, this.#list);
    this.#list.addEventListener("click", (event) => this.#clicked(event));
    this.#list.addEventListener("keydown", (event) => this.#pressed(event));
  }

  get selected(): string {
    return this.#selected;
  }

  /** The directory that new things go into. */
  get directory(): string {
    const node = this.#state && nodeAt(this.#state.tree, this.#selected);
    return node?.type === "directory" ? this.#selected : parentOf(this.#selected);
  }

  update(state: WorkspaceState): void {
    this.#state = state;
    this.#marks = new Map(state.uncommitted.changes.map(({ path, kind }) => [path, kind]));
    // What is gone cannot stay chosen.
    while (this.#selected !== "/" && nodeAt(state.tree, this.#selected) === undefined) {
      this.#selected = parentOf(this.#selected);
    }
    this.#render();
  }

  /** Chooses something and opens the directories that it is in. */
  select(path: string): void {
    this.#selected = path;
    for (let above = parentOf(path); above !== "/"; above = parentOf(above)) this.#open.add(above);
    this.#render();
    this.#rowOf(path)?.scrollIntoView({ block: "nearest" });
    this.#events.select(path);
  }

  #render(): void {
    if (this.#state === undefined) return;
    const rows = treeRows(this.#state.tree, this.#open, this.#limits);
    const hadFocus = this.#list.contains(document.activeElement);
    this.#empty.hidden = rows.length > 0;
    this.#list.hidden = rows.length === 0;
    const isShown = rows.some((row) => "path" in row && row.path === this.#selected);
    this.#list.replaceChildren(
      ...rows.map((row, index) => {
        const stop = isShown ? "path" in row && row.path === this.#selected : index === 0;
        return "path" in row ? this.#row(row, stop) : moreRow(row, stop);
      }),
    );
    if (hadFocus) this.#list.querySelector<HTMLElement>('[tabindex="0"]')?.focus();
  }

  #row({ path, name, node, level, position, siblings }: TreeRow, stop: boolean): HTMLElement {
    const isDirectory = node.type === "directory";
    const isOpen = this.#open.has(path);
    const mark = this.#marks.get(path);
    const isExecutable = node.type === "file" && (node.mode & 0o111) !== 0;
    const row = h(
      "li",
      {
        role: "treeitem",
        "data-path": path,
        "aria-level": level,
        "aria-posinset": position,
        "aria-setsize": siblings,
        "aria-selected": String(path === this.#selected),
        "aria-expanded": isDirectory ? String(isOpen) : undefined,
        tabindex: stop ? 0 : -1,
        class: isDirectory ? "directory" : "file",
      },
      h("span", { class: "twist", "aria-hidden": "true" }, isDirectory ? (isOpen ? "▾" : "▸") : ""),
      h("span", { class: "name", title: shownName(name) }, shownName(name), isDirectory ? "/" : undefined),
      node.type === "symlink" ? h("span", { class: "dim" }, `→ ${shownName(node.target)}`) : undefined,
      isExecutable ? h("span", { class: "mark exec", title: "executable" }, "exec") : undefined,
      mark === undefined ? undefined : h("span", { class: `mark ${mark}` }, mark === "add" ? "new" : "changed"),
      node.type === "file" ? h("span", { class: "size dim" }, formatBytes(node.size)) : undefined,
    );
    row.style.setProperty("--level", String(level));
    return row;
  }

  #clicked(event: MouseEvent): void {
    const row = rowOf(event.target);
    if (row === undefined) return;
    const { path, more } = row.dataset;
    if (more !== undefined) this.#showMore(more);
    if (path === undefined) return;
    if (row.hasAttribute("aria-expanded") && (path === this.#selected || isTwist(event.target))) this.#toggle(path);
    this.select(path);
    this.#focus(path);
  }

  #pressed(event: KeyboardEvent): void {
    const row = rowOf(event.target);
    if (row === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!this.#act(event.key, row)) return;
    event.preventDefault();
  }

  /** @returns whether the key means something here */
  #act(key: string, row: HTMLElement): boolean {
    const { path, more } = row.dataset;
    const rows = [...this.#list.children] as HTMLElement[];
    const at = rows.indexOf(row);
    const expanded = row.getAttribute("aria-expanded");
    switch (key) {
      case "ArrowDown":
        this.#moveTo(rows[at + 1]);
        return true;
      case "ArrowUp":
        this.#moveTo(rows[at - 1]);
        return true;
      case "Home":
        this.#moveTo(rows[0]);
        return true;
      case "End":
        this.#moveTo(rows.at(-1));
        return true;
      case "ArrowRight":
        if (expanded === "false" && path !== undefined) this.#toggle(path);
        else if (expanded === "true") this.#moveTo(rows[at + 1]);
        return true;
      case "ArrowLeft":
        if (expanded === "true" && path !== undefined) this.#toggle(path);
        else this.#moveTo(rows.find(({ dataset }) => dataset.path === parentOf(path ?? `${more}/`)));
        return true;
      case "Enter":
      case " ":
        if (more !== undefined) this.#showMore(more);
        else if (expanded !== null && path !== undefined) this.#toggle(path);
        return true;
      case "F2":
        if (path !== undefined) this.#events.rename(path);
        return true;
      case "Delete":
        if (path !== undefined) this.#events.remove(path);
        return true;
      default:
        return false;
    }
  }

  #moveTo(row: HTMLElement | undefined): void {
    const path = row?.dataset.path;
    if (path === undefined) {
      row?.focus();
      return;
    }
    this.select(path);
    this.#focus(path);
  }

  #focus(path: string): void {
    this.#rowOf(path)?.focus();
  }

  #rowOf(path: string): HTMLElement | undefined {
    return ([...this.#list.children] as HTMLElement[]).find(({ dataset }) => dataset.path === path);
  }

  #toggle(path: string): void {
    if (!this.#open.delete(path)) this.#open.add(path);
    this.#render();
  }

  #showMore(directory: string): void {
    this.#limits.set(directory, (this.#limits.get(directory) ?? ENTRIES_SHOWN) * 2);
    this.#render();
  }
}

function moreRow({ directory, level, hidden }: MoreRow, stop: boolean): HTMLElement {
  const properties = { role: "treeitem", "data-more": directory, "aria-level": level, tabindex: stop ? 0 : -1 };
  const row = h("li", properties, h("span", { class: "name link" }, `${hidden} more …`));
  row.style.setProperty("--level", String(level));
  return row;
}

const rowOf = (target: EventTarget | null): HTMLElement | undefined =>
  target instanceof Element ? (target.closest<HTMLElement>("[role=treeitem]") ?? undefined) : undefined;

const isTwist = (target: EventTarget | null): boolean =>
  target instanceof Element && target.classList.contains("twist");
