import type { SourceFilter } from "./options.ts";

/** What a filter takes, whatever order the entries come in: directories are asked for once, before what is in them. */
export class Selection {
  readonly #filter: SourceFilter | undefined;
  readonly #directories = new Map<string, boolean | "skip-tree">();

  constructor(filter: SourceFilter | undefined) {
    this.#filter = filter;
  }

  /** Whether nothing is left out. */
  get isWhole(): boolean {
    return this.#filter === undefined;
  }

  /** Whether a directory is taken; `"skip-tree"`: nothing in it is. */
  directory(path: string): boolean | "skip-tree" {
    if (this.#filter === undefined || path === "") return true;
    let answer = this.#directories.get(path);
    if (answer === undefined) {
      answer = this.directory(parentOf(path)) === "skip-tree" ? "skip-tree" : this.#filter(path, true);
      this.#directories.set(path, answer);
    }
    return answer;
  }

  /** Whether anything but a directory is taken. */
  file(path: string): boolean {
    if (this.#filter === undefined) return true;
    return this.directory(parentOf(path)) !== "skip-tree" && this.#filter(path, false) === true;
  }
}

const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf("/")));
