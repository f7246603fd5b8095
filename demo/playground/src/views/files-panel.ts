import { isSlipwayError, type ProgressEvent, SlipwayError, type WritableSnapshot } from "slipway";
import { type App, attempt } from "../app.ts";
import { formatBytes } from "../format.ts";
import { type Addition, addArchives, addDropped, addFolder, addPicked, isArchiveName } from "../model/additions.ts";
import { describeChanges, summarise } from "../model/changes.ts";
import { type PickingWindow, unlessCancelled } from "../model/pickers.ts";
import { showBusy } from "./busy.ts";
import { askText, choose, confirmLoss } from "./dialog.ts";
import { button, byId, h, shownName } from "./dom.ts";
import { onDrop } from "./drop.ts";
import { Editor } from "./editor.ts";
import { tell } from "./notices.ts";
import { nodeAt } from "./tree-rows.ts";
import { TreeView } from "./tree-view.ts";

/** The file tree with its buttons and the editor beside it. */
export function filesPanel(app: App): void {
  const { workspace } = app;
  const editor = new Editor(byId("editor"), app);
  const tree = new TreeView(byId("tree"), {
    select: (path) => {
      void editor.open(path);
      updateTools();
    },
    rename: (path) => void rename(path),
    remove: (path) => void remove(path),
  });

  const selection = (label: string, act: (path: string) => Promise<void>): HTMLButtonElement =>
    button(label, () => void act(tree.selected));
  const renameButton = selection("Rename…", rename);
  const removeButton = selection("Delete", remove);
  const files = picker({ multiple: true }, picked);
  const folder = picker({ webkitdirectory: true }, picked);
  const where = byId("files-where");
  byId("file-tools").append(
    button("New file…", () => void newFile()),
    button("New folder…", () => void newFolder()),
    button("Add files…", () => files.click()),
    button("Add folder…", () => void pickFolder()),
    renameButton,
    removeButton,
    files,
    folder,
  );
  onDrop(
    () => tree.directory,
    (data) => void dropped(data),
  );
  workspace.subscribe((state) => {
    tree.update(state);
    void editor.update(state);
    updateTools();
  });

  function updateTools(): void {
    const nothing = tree.selected === "/";
    renameButton.disabled = nothing;
    removeButton.disabled = nothing;
    where.textContent = `New things go into ${shownName(tree.directory)}`;
  }

  async function newFile(): Promise<void> {
    const path = await askText(
      { title: "New file", text: "Folders on the way are made, too." },
      { label: "Path", value: `${inDirectory()}untitled.txt`, action: "Create" },
    );
    if (path === undefined) return;
    const created = await change(`Creating ${path}`, async (work) => {
      await mustBeFree(work, path);
      await work.writeFile(path, "");
    });
    if (created) choosePath(path, true);
  }

  async function newFolder(): Promise<void> {
    const path = await askText(
      { title: "New folder" },
      { label: "Path", value: `${inDirectory()}folder`, action: "Create" },
    );
    if (path === undefined) return;
    const created = await change(`Creating ${path}`, async (work) => {
      await mustBeFree(work, path);
      await work.mkdir(path, { recursive: true });
    });
    if (created) choosePath(path);
  }

  async function rename(path: string): Promise<void> {
    const to = await askText({ title: "Rename or move" }, { label: "New path", value: path, action: "Rename" });
    if (to === undefined || to === path) return;
    const renamed = await change(`Renaming ${path}`, async (work) => {
      await mustBeFree(work, to);
      const parent = to.slice(0, to.lastIndexOf("/"));
      if (parent !== "") await work.mkdir(parent, { recursive: true });
      await work.rename(path, to);
    });
    if (renamed) choosePath(to);
  }

  async function remove(path: string): Promise<void> {
    const node = nodeAt(workspace.state.tree, path);
    if (node === undefined || path === "/") return;
    const full = node.type === "directory" && node.entries.size > 0;
    const question = { title: `Delete ${path}?`, text: "Everything in this folder goes with it." };
    if (full && !(await confirmLoss(question, "Delete"))) return;
    await change(`Deleting ${path}`, (work) => work.remove(path, { recursive: true }));
  }

  /** What was typed is saved before anything else happens. */
  function change(doing: string, work: (work: WritableSnapshot) => Promise<unknown>): Promise<boolean> {
    return attempt(doing, async () => {
      await app.flush.editor();
      await workspace.edit(work);
    });
  }

  function choosePath(path: string, edit = false): void {
    const clean = `/${path
      .split("/")
      .filter((part) => part !== "" && part !== ".")
      .join("/")}`;
    if (nodeAt(workspace.state.tree, clean) === undefined) return;
    if (edit) editor.focusOn(clean);
    tree.select(clean);
  }

  const inDirectory = (): string => (tree.directory === "/" ? "/" : `${tree.directory}/`);

  async function picked(list: FileList): Promise<void> {
    const all = [...list];
    await add(all, addPicked(all));
  }

  /** Where the browser has a dialog for folders: the other one speaks of uploading, which is not what happens. */
  async function pickFolder(): Promise<void> {
    const { showDirectoryPicker } = window as PickingWindow;
    if (showDirectoryPicker === undefined) return folder.click();
    await attempt("Choosing a folder", async () => {
      const handle = await unlessCancelled(showDirectoryPicker.call(window));
      if (handle !== undefined) await add([], addFolder(handle));
    });
  }

  /** What was dropped is taken at once: when the event is over the browser does not give it any more. */
  async function dropped(data: DataTransfer): Promise<void> {
    const all = [...data.files];
    await attempt("Taking what was dropped", () => add(all, addDropped(data)));
  }

  /** Archives among what is added are unpacked if that is wanted. */
  async function add(all: readonly File[], given: Addition): Promise<void> {
    const archives = all.length > 0 && all.every(({ name }) => isArchiveName(name));
    let addition = given;
    if (archives) {
      const title = all.length === 1 ? `Unpack ${all[0]?.name}?` : `Unpack ${all.length} archives?`;
      const answer = await choose({ title }, { unpack: "Unpack", keep: "Add as a file" });
      if (answer === undefined) return;
      if (answer === "unpack") addition = addArchives(all);
    }
    const dest = tree.directory;
    const doing = `Adding to ${dest}`;
    const before = workspace.state.tree;
    const busy = showBusy(doing);
    const went = await change(doing, async (work) => {
      const onProgress = ({ current = 0 }: ProgressEvent): void => busy.update(formatBytes(current));
      try {
        await addition(work, { dest, signal: busy.signal, onProgress, onWarning: tell });
      } catch (error) {
        if (!busy.signal.aborted) throw error;
        tell("It was cancelled.");
      }
    });
    busy.end();
    const changes = summarise(before, workspace.state.tree);
    if (changes.changes.length === 0) {
      if (went) tell("Nothing has changed: all of it was there already.");
      return;
    }
    const said = `${describeChanges(changes)} (${formatBytes(changes.bytes)})`;
    tell(went ? `Added to ${dest}: ${said}.` : `Before that, this came to ${dest}: ${said}.`);
  }
}

/** @throws SlipwayError `ALREADY_EXISTS`: nothing is replaced by an oversight */
async function mustBeFree(work: WritableSnapshot, path: string): Promise<void> {
  try {
    await work.lstat(path);
  } catch (error) {
    if (isSlipwayError(error, "NOT_FOUND")) return;
    throw error;
  }
  throw new SlipwayError("ALREADY_EXISTS", `Cannot use ${path}: there is something of that name`);
}

/** A file dialog of the browser, opened by `click()`. */
function picker(
  properties: { readonly multiple?: boolean; readonly webkitdirectory?: boolean },
  picked: (files: FileList) => Promise<void>,
): HTMLInputElement {
  const what = properties.webkitdirectory === true ? "Folder to add" : "Files to add";
  const input = h("input", { type: "file", hidden: true, "aria-label": what, ...properties });
  input.addEventListener("change", () => {
    const { files } = input;
    if (files === null || files.length === 0) return;
    void picked(files).finally(() => {
      // So that the same choice counts again.
      input.value = "";
    });
  });
  return input;
}
