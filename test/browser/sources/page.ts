import {
  addDataTransfer,
  addDirectoryHandle,
  addFileList,
  type FolderOptions,
  type PageSourceOptions,
  takeDataTransfer,
} from "../../../src/browser/sources/index.ts";
import { createMemoryContentStore, withReferences } from "../../../src/content/index.ts";
import { isSlipwayError } from "../../../src/errors.ts";
import { type AddedEntries, addArchive } from "../../../src/frontend/index.ts";
import { createSnapshotter, type WritableSnapshot, walkTree } from "../../../src/snapshots/index.ts";

/** Options as JSON can say them. */
export interface PageOptions
  extends FolderOptions,
    Pick<PageSourceOptions, "dest" | "preserveMtime" | "sourceDateEpoch"> {
  /** Paths that get the mode 0755. */
  readonly executables?: readonly string[];
  /** Paths of which nothing is taken. */
  readonly without?: readonly string[];
  /** Aborted at the first byte. */
  readonly abort?: boolean;
}

/** What came of it, as JSON can say it. */
export interface PageOutcome {
  readonly digest?: string;
  readonly paths?: readonly string[];
  readonly added?: AddedEntries;
  /** Blobs that were copied. */
  readonly copied?: number;
  /** Code and message of the error, if there was one. */
  readonly code?: string;
  readonly message?: string;
}

/** What the test calls in the page. */
export interface PageApi {
  /** Adds what an input has. */
  input(selector: string, options?: PageOptions, held?: boolean): Promise<PageOutcome>;
  /** Reads a file of the last snapshot. */
  read(path: string): Promise<PageOutcome & { readonly size?: number }>;
  /** Makes everything ready for one drop. */
  expectDrop(options?: PageOptions): Promise<void>;
  /** What came of the drop. */
  dropped(): Promise<PageOutcome>;
  /** Drops files that a script made. */
  dropMade(files: readonly (readonly [name: string, text: string])[]): void;
  /** Writes files into a directory of the origin's own and adds that. */
  ownFiles(files: readonly (readonly [path: string, text: string])[], options?: PageOptions): Promise<PageOutcome>;
  /** Adds an archive that an input has. */
  archive(selector: string): Promise<PageOutcome>;
  /** Takes interfaces away that not every engine has. */
  forget(names: readonly ("getAsFileSystemHandle" | "webkitGetAsEntry")[]): void;
  /** Adds items after their event is over. */
  late(): Promise<PageOutcome>;
  /** Takes items in their event and adds them, once with each of these options, when it is over. */
  taken(options: readonly PageOptions[]): Promise<readonly PageOutcome[]>;
}

let made = 0;
let last: WritableSnapshot | undefined;
let copied: () => Promise<number> = async () => 0;

async function prepare(): Promise<WritableSnapshot> {
  const store = createMemoryContentStore();
  const snapshots = createSnapshotter({ content: withReferences(store), sources: "reference" });
  last = await snapshots.prepare(`work-${made++}`);
  copied = async () => {
    let count = 0;
    for await (const { size } of store.list()) if (size > 0) count++;
    return count;
  };
  return last;
}

function optionsOf({
  executables = [],
  without = [],
  abort = false,
  ...rest
}: PageOptions): PageSourceOptions & FolderOptions {
  const controller = new AbortController();
  return {
    ...rest,
    signal: controller.signal,
    onProgress: ({ state }) => (abort && state === "running" ? controller.abort(new Error("enough")) : undefined),
    mode: (path) => (executables.includes(path) ? 0o755 : undefined),
    filter: (path) => (without.includes(path) ? "skip-tree" : true),
  };
}

async function outcome(work: WritableSnapshot, adding: Promise<AddedEntries>): Promise<PageOutcome> {
  try {
    const added = await adding;
    const tree = await work.tree();
    const paths = [...walkTree(tree)].map(({ path }) => path);
    return { added, digest: tree.root.digest, paths, copied: await copied() };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return isSlipwayError(error) ? { code: error.code, message } : { code: "none", message };
  }
}

const inputOf = (selector: string): HTMLInputElement => document.querySelector(selector) as HTMLInputElement;
const heldFiles = new Map<string, readonly File[]>();
let drop: Promise<PageOutcome> | undefined;
let onDrop: (data: DataTransfer) => Promise<PageOutcome> = async () => ({});

document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  if (event.dataTransfer !== null) drop = onDrop(event.dataTransfer);
});

const api: PageApi = {
  async input(selector, options = {}, held = false) {
    const work = await prepare();
    const { files } = inputOf(selector);
    if (!held || !heldFiles.has(selector)) heldFiles.set(selector, [...(files ?? [])]);
    return await outcome(
      work,
      addFileList(work, held ? (heldFiles.get(selector) ?? []) : (files as FileList), optionsOf(options)),
    );
  },
  async read(path) {
    try {
      return { size: (await last?.readFile(path))?.byteLength ?? -1 };
    } catch (error) {
      return isSlipwayError(error)
        ? { code: error.code, message: error.message }
        : { code: "none", message: String(error) };
    }
  },
  async expectDrop(options = {}) {
    const work = await prepare();
    drop = undefined;
    onDrop = (data) => outcome(work, addDataTransfer(work, data, optionsOf(options)));
  },
  async dropped() {
    while (drop === undefined) await new Promise((resolve) => setTimeout(resolve, 5));
    return await drop;
  },
  dropMade(files) {
    const dataTransfer = new DataTransfer();
    for (const [name, text] of files) dataTransfer.items.add(new File([text], name));
    dataTransfer.items.add("a text", "text/plain");
    document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
  },
  async ownFiles(files, options = {}) {
    const work = await prepare();
    const home = await navigator.storage.getDirectory();
    const top = await home.getDirectoryHandle(`directory-${made}`, { create: true });
    for (const [path, text] of files) {
      const names = path.split("/");
      const name = names.pop() ?? "";
      let directory = top;
      for (const parent of names) directory = await directory.getDirectoryHandle(parent, { create: true });
      if (name === "") continue;
      const writable = await (await directory.getFileHandle(name, { create: true })).createWritable();
      await writable.write(text);
      await writable.close();
    }
    return await outcome(work, addDirectoryHandle(work, top, optionsOf(options)));
  },
  async archive(selector) {
    const work = await prepare();
    const [file] = inputOf(selector).files ?? [];
    return await outcome(work, addArchive(work, file ?? new Blob()));
  },
  forget(names) {
    for (const name of names) Reflect.deleteProperty(DataTransferItem.prototype, name);
  },
  async late() {
    const work = await prepare();
    let items: DataTransferItemList | undefined;
    onDrop = async (data) => {
      items = data.items;
      await new Promise((resolve) => setTimeout(resolve, 10));
      return await outcome(work, addDataTransfer(work, items));
    };
    drop = undefined;
    return await api.dropped();
  },

  async taken(options) {
    const outcomes: PageOutcome[] = [];
    onDrop = async (data) => {
      const addTo = takeDataTransfer(data);
      await new Promise((resolve) => setTimeout(resolve, 10));
      for (const each of options) {
        const work = await prepare();
        outcomes.push(await outcome(work, addTo(work, optionsOf(each))));
      }
      return {};
    };
    drop = undefined;
    await api.dropped();
    return outcomes;
  },
};

Object.assign(globalThis, { sources: api });
