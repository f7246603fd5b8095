import type { Change } from "slipway";
import { type App, attempt, tidy } from "../app.ts";
import { counted, formatBytes } from "../format.ts";
import { type ChangeSummary, describeChanges, newBytes } from "../model/changes.ts";
import type { WorkspaceState } from "../model/workspace.ts";
import { confirmLoss } from "./dialog.ts";
import { button, byId, h, shownName } from "./dom.ts";

/** How many changes of a layer are listed. */
const CHANGES_SHOWN = 100;

const SIGNS = { add: "+", modify: "~", delete: "−" } as const;
const WORDS = { add: "added", modify: "changed", delete: "removed" } as const;

/** The layers, from the bottom up, with what each changes, and what is in none yet. */
export function layersPanel(app: App): void {
  const { workspace } = app;
  const list = h("ol", { class: "layer-list" });
  const commit = button("Commit layer", () => void attempt("Committing the layer", commitLayer), { class: "primary" });
  const discard = button("Discard…", () => void discardChanges(), {
    title: "Undo what is in no layer yet",
  });
  const remove = button("Remove layer…", () => void removeTop(), {
    title: "Remove the topmost layer",
  });
  byId("layers").append(list, h("div", { class: "tools" }, commit, discard, remove));
  workspace.subscribe(update);

  function update({ layers, uncommitted }: WorkspaceState): void {
    const open = new Set([...list.querySelectorAll<HTMLElement>("details[open]")].map(({ dataset }) => dataset.key));
    const item = (key: string, title: string, changes: ChangeSummary): HTMLElement =>
      h("li", { class: key === "" ? "uncommitted" : undefined }, layer(key, title, changes, open.has(key)));
    list.replaceChildren(
      ...layers.map(({ key, changes }, index) => item(key, `Layer ${index + 1}`, changes)),
      item("", "Not in a layer yet", uncommitted),
    );
    const nothing = uncommitted.changes.length === 0;
    commit.disabled = nothing;
    discard.disabled = nothing;
    remove.disabled = layers.length === 0;
  }

  async function commitLayer(): Promise<void> {
    await app.flush.editor();
    await workspace.commit();
  }

  async function discardChanges(): Promise<void> {
    await app.flush.editor().catch(() => undefined);
    const text = `${describeChanges(workspace.state.uncommitted)} since the last layer will be undone.`;
    if (!(await confirmLoss({ title: "Discard changes?", text }, "Discard"))) return;
    await attempt("Discarding changes", async () => {
      await workspace.discard();
      await tidy(app);
    });
  }

  async function removeTop(): Promise<void> {
    const { layers, uncommitted } = workspace.state;
    const top = layers.at(-1);
    if (top === undefined) return;
    const rest = uncommitted.changes.length === 0 ? "" : " What is not in a layer yet goes with it.";
    const text = `Its changes will be undone: ${describeChanges(top.changes) || "none"}.${rest} Images that were built stay.`;
    if (!(await confirmLoss({ title: `Remove layer ${layers.length}?`, text }, "Remove"))) return;
    await attempt("Removing the layer", async () => {
      await workspace.removeTop();
      await tidy(app);
    });
  }
}

function layer(key: string, title: string, changes: ChangeSummary, open: boolean): HTMLElement {
  const said = describeChanges(changes) || "no changes";
  const head = [
    h("strong", {}, title),
    h("span", {}, said),
    h("span", { class: "size dim" }, changes.bytes === 0 ? "" : formatBytes(changes.bytes)),
  ];
  if (changes.changes.length === 0) return h("div", { class: "summary" }, ...head);
  return h("details", { "data-key": key, open }, h("summary", {}, ...head), changeList(changes.changes));
}

function changeList(changes: readonly Change[]): HTMLElement {
  const rest = changes.length - CHANGES_SHOWN;
  return h(
    "ul",
    { class: "change-list" },
    ...changes.slice(0, CHANGES_SHOWN).map((change) => changeItem(change)),
    rest > 0 ? h("li", { class: "dim" }, `and ${counted(rest, "more change")}`) : undefined,
  );
}

function changeItem(change: Change): HTMLElement {
  const { kind, path, reasons, upper, lower } = change;
  const isDirectory = (upper ?? lower)?.type === "directory";
  const why = kind === "modify" ? reasons.join(", ") : "";
  const bytes = upper?.type === "file" ? formatBytes(newBytes(change)) : "";
  return h(
    "li",
    {},
    h("span", { class: `sign ${kind}`, role: "img", "aria-label": WORDS[kind] }, SIGNS[kind]),
    h("span", { class: "path" }, shownName(path), isDirectory ? "/" : undefined),
    h("span", { class: "dim" }, why),
    h("span", { class: "size dim" }, bytes),
  );
}
