import { deflateBlock } from "../compress-pool.ts";
import type { DeflateLevel } from "../deflate/index.ts";
import { freeMemory } from "../free-memory.ts";

/** What a pool asks one of its workers for. The block's memory moves along with it. */
export interface DeflateRequest {
  readonly id: number;
  readonly block: Uint8Array<ArrayBuffer>;
  readonly level: DeflateLevel;
}

/** What a worker says: that its program is loaded, what came of a block, or why nothing did. */
export type WorkerMessage =
  | { readonly kind: "ready" }
  | {
      readonly kind: "deflated";
      readonly id: number;
      readonly data: Uint8Array<ArrayBuffer>;
      readonly crc32: number;
      readonly size: number;
    }
  | { readonly kind: "failed"; readonly id: number; readonly message: string };

/** A message, and the memory that moves along with it. */
export interface Sent<T> {
  readonly message: T;
  readonly transfer: readonly ArrayBuffer[];
}

/** The first word of a worker: before it, nothing is entrusted to it. */
export const READY: WorkerMessage = { kind: "ready" };

/** What a worker does with a request. The block's memory is given back. */
export function answerRequest({ id, block, level }: DeflateRequest): Sent<WorkerMessage> {
  try {
    const deflated = deflateBlock(block, level);
    freeMemory(block.buffer);
    const data = withBufferOfItsOwn(deflated.data);
    const { crc32, size } = deflated;
    return { message: { kind: "deflated", id, data, crc32, size }, transfer: [data.buffer] };
  } catch (error) {
    return { message: { kind: "failed", id, message: String(error) }, transfer: [] };
  }
}

/** The array, or a copy if it shares its memory: who moves an array moves all of its memory. */
export function withBufferOfItsOwn(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer } = bytes;
  const alone = buffer instanceof ArrayBuffer && buffer.byteLength === bytes.byteLength;
  return alone ? new Uint8Array(buffer) : bytes.slice();
}
