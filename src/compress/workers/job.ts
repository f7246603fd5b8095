import { type DeflatedBlock, deflateBlock } from "../compress-pool.ts";
import type { DeflateLevel } from "../deflate/index.ts";
import { type DeflateRequest, type Sent, withBufferOfItsOwn } from "./messages.ts";

/** A block that somebody waits for. What comes after it was done or given up changes nothing. */
export class Job {
  readonly #level: DeflateLevel;
  readonly #block: Uint8Array<ArrayBuffer>;
  readonly #resolve: (block: DeflatedBlock) => void;
  readonly #reject: (reason: unknown) => void;
  #settled: () => void = () => undefined;

  constructor(
    block: Uint8Array<ArrayBuffer>,
    level: DeflateLevel,
    resolve: (block: DeflatedBlock) => void,
    reject: (reason: unknown) => void,
  ) {
    this.#block = block;
    this.#level = level;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Called once it is done or given up. */
  whenSettled(call: () => void): void {
    this.#settled = call;
  }

  /** Its request. Once that is sent, the block is gone. */
  request(id: number): Sent<DeflateRequest> {
    const block = withBufferOfItsOwn(this.#block);
    return { message: { id, block, level: this.#level }, transfer: [block.buffer] };
  }

  /** Does it in this thread. */
  deflateHere(): void {
    try {
      this.done(deflateBlock(this.#block, this.#level));
    } catch (error) {
      this.fail(error);
    }
  }

  done(block: DeflatedBlock): void {
    this.#settled();
    this.#resolve(block);
  }

  fail(reason: unknown): void {
    this.#settled();
    this.#reject(reason);
  }
}
