import type { Digest } from "../../oci/digest.ts";
import type { TarHeader } from "../../tar/index.ts";
import { Handover } from "./handover.ts";

/** An entry of the layer in its place, whose content may still have to come. */
export class AheadEntry {
  readonly header: TarHeader;
  /** Whether a content follows the header. */
  readonly hasContent: boolean;
  #bytes: Uint8Array | undefined;
  #handover: Handover | undefined;
  #digest: Digest | undefined;
  #failed = false;
  #tell: (() => void) | undefined;

  constructor(header: TarHeader, hasContent: boolean) {
    this.header = header;
    this.hasContent = hasContent;
  }

  /** Bytes that it holds at the most while it waits. */
  get weight(): number {
    return 512 + (this.hasContent ? this.header.size : 0);
  }

  /** Its content as one array, which nobody changes any more. */
  provide(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#tell?.();
  }

  /** Its content in chunks. */
  stream(): Handover {
    const handover = new Handover();
    if (this.#failed) handover.abandon();
    this.#handover = handover;
    this.#tell?.();
    return handover;
  }

  /** It is in the snapshot, with a content of this digest. */
  written(digest: Digest): void {
    this.#digest = digest;
    this.#tell?.();
  }

  /** It will not come, or is not wanted: nobody waits for the other any more. */
  fail(): void {
    this.#failed = true;
    this.#handover?.abandon();
    this.#tell?.();
  }

  /** Its content, once that is there. Undefined if it does not come. */
  async content(): Promise<Uint8Array | AsyncIterable<Uint8Array> | undefined> {
    while (this.#bytes === undefined && this.#handover === undefined && !this.#failed) await this.#news();
    const content = this.#bytes ?? this.#handover;
    this.#bytes = undefined;
    return this.#failed ? undefined : content;
  }

  /** The digest of its content, once that is known. Undefined if it does not come. */
  async digest(): Promise<Digest | undefined> {
    while (this.#digest === undefined && !this.#failed) await this.#news();
    return this.#digest;
  }

  #news(): Promise<void> {
    return new Promise((resolve) => {
      this.#tell = resolve;
    });
  }
}
