import type { Digest } from "../../src/oci/index.ts";

/** What a name stood for from some time on: between the two, both counted in reports. */
interface Write {
  readonly name: string;
  /** Undefined: it was deleted. */
  readonly digest: Digest | undefined;
  readonly begun: number;
  readonly ended: number;
}

/** What actors reported. */
export class Journal {
  readonly #writes: Write[] = [];
  #clock = 0;

  /** Called before a name is changed, for what is called when that is done. */
  begin(): (name: string, digest: Digest | undefined) => void {
    const begun = this.#clock++;
    return (name, digest) => {
      this.#writes.push({ name, digest, begun, ended: this.#clock++ });
    };
  }

  get names(): ReadonlySet<string> {
    return new Set(this.#writes.map(({ name }) => name));
  }

  /**
   * What a name may stand for in the end: what was reported of it, unless another report began after that one. Undefined: nothing.
   */
  mayBe(name: string): ReadonlySet<Digest | undefined> {
    const writes = this.#writes.filter((write) => write.name === name);
    const last = writes.filter(({ ended }) => !writes.some(({ begun }) => begun > ended));
    return new Set(last.map(({ digest }) => digest));
  }
}
