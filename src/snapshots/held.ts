import { SlipwayError } from "../errors.ts";
import { type ContentOrigin, TreeReader } from "./reader.ts";
import type { Ref } from "./snapshotter.ts";
import type { WorkingTree } from "./working-tree.ts";

/** How often each committed snapshot is held. */
export class Holds {
  readonly #counts = new Map<string, number>();

  take(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  release(name: string): void {
    const count = (this.#counts.get(name) ?? 0) - 1;
    if (count > 0) this.#counts.set(name, count);
    else this.#counts.delete(name);
  }

  has(name: string): boolean {
    return this.#counts.has(name);
  }
}

/** A committed snapshot, held until it is released. After that it cannot be read any more. */
export class HeldSnapshot extends TreeReader implements Ref {
  readonly key: string;
  readonly parent?: string;
  // Defined by the constructor, since not every engine has the symbol.
  declare readonly [Symbol.dispose]: () => void;
  readonly #state: { released: boolean };
  readonly #letGo: () => void;

  constructor(
    key: string,
    parent: string | undefined,
    open: () => Promise<WorkingTree>,
    origin: ContentOrigin,
    letGo: () => void,
  ) {
    const state = { released: false };
    let working: Promise<WorkingTree> | undefined;
    super(async () => {
      if (state.released) {
        throw new SlipwayError(
          "FAILED_PRECONDITION",
          `Cannot read the snapshot ${JSON.stringify(key)}: it was released`,
        );
      }
      working ??= open();
      try {
        return await working;
      } catch (error) {
        working = undefined;
        throw error;
      }
    }, origin);
    this.key = key;
    if (parent !== undefined) this.parent = parent;
    this.#state = state;
    this.#letGo = letGo;
    // Without the engine's own symbol, `using` is what a build tool made of it, and that asks for the registered one.
    const dispose: symbol = (Symbol as { readonly dispose?: symbol }).dispose ?? Symbol.for("Symbol.dispose");
    Object.defineProperty(this, dispose, { value: () => this.release() });
  }

  release(): void {
    if (this.#state.released) return;
    this.#state.released = true;
    this.#letGo();
  }
}
