import { SlipwayError, type SlipwayErrorCode } from "../../errors.ts";

const PLAIN_KEY = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Where in a document one is, for messages: `Cannot read image config: config.Env[2] …`. */
export class Position {
  readonly #action: string;
  readonly #path: string;

  /**
   * @param action what is being done, for example `Cannot read manifest`
   * @param path from the document's root, which is the empty path
   */
  constructor(action: string, path = "") {
    this.#action = action;
    this.#path = path;
  }

  /** The member `key` of an object, or the item `key` of an array. */
  child(key: string | number): Position {
    if (typeof key === "string" && PLAIN_KEY.test(key)) {
      return new Position(this.#action, this.#path === "" ? key : `${this.#path}.${key}`);
    }
    const shown = typeof key === "string" && key.length > 100 ? `${key.slice(0, 100)}…` : key;
    return new Position(this.#action, `${this.#path}[${JSON.stringify(shown)}]`);
  }

  /** An error about what is here. `problem` goes on after the field's name: `is missing`, `must be a string, not null`. */
  error(problem: string, code: SlipwayErrorCode = "INVALID_DOCUMENT", cause?: unknown): SlipwayError {
    const subject = this.#path === "" ? "the document" : this.#path;
    return new SlipwayError(code, `${this.#action}: ${subject} ${problem}`, cause === undefined ? {} : { cause });
  }

  /** The field's name, for example `layers[0].digest`. */
  toString(): string {
    return this.#path;
  }
}
