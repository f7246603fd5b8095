import { bytesSource, toBlob } from "../../bytes.ts";
import { isSlipwayError, SlipwayError } from "../../errors.ts";
import type { OperationOptions } from "../../progress.ts";
import type { UploadSource } from "../repository.ts";
import type { RepositoryContext } from "../repository-context.ts";
import { canStreamRequests } from "../request-body.ts";
import type { RegistryResponse, RequestBody } from "../transport.ts";
import { beginUpload } from "./begin-upload.ts";
import { expectBlob, hasBlob } from "./blob-presence.ts";
import { DONE, pushScope } from "./push-request.ts";
import { SourceCursor } from "./source-cursor.ts";
import { withDigest } from "./upload-location.ts";
import type { UploadManners } from "./upload-manners.ts";
import { NO_MEMORY, type UploadMemory, uploadMemory } from "./upload-record.ts";
import { advancedSession, cancelUpload, type UploadSession, uploadStatus } from "./upload-session.ts";

/**
 * How the bytes are sent.
 * - `chunks`: PATCH after PATCH, each confirmed by the registry.
 * - `stream`: one PATCH for all that is missing, as Docker and containerd do; every registry takes that.
 * - `whole`: in the PUT that ends the upload.
 *
 * What a killed process leaves behind was measured with docker-registry 2.8: it goes on from where it last *answered*, and throws the
 * upload away if a request was cut after its first byte, be it PATCH or PUT. Others keep what they got of a PATCH. So whoever wants to
 * go on another day sends chunks.
 */
type Manner = "chunks" | "stream" | "whole";

/** Bytes that must have come over since the budget of tries was last given anew: a byte at a time would never be done. */
const LEAST_PROGRESS = 16 * 1024;
/** What is sent in the PUT itself. */
const WHOLE_LIMIT = 1024 * 1024;
/** Large enough that a request for each costs little, small enough that a few of them fit into the memory of a page. */
const CHUNK = 16 * 1024 * 1024;
/** Chunks are not made smaller than this when a registry calls them too large. */
const SMALLEST_CHUNK = 256 * 1024;
/** How often an upload is begun anew because the registry lost or refused it, and how often it may count otherwise than we do. */
const ANEW_LIMIT = 4;
const DISAGREEMENT_LIMIT = 4;

/**
 * Uploads a blob that the repository does not have, from where an earlier run or a cut connection left off.
 * @param begun an upload that the registry has begun already
 * @returns `mounted` if the registry found the blob by itself when it was asked for an upload
 */
export async function uploadBlob(
  context: RepositoryContext,
  source: UploadSource,
  begun: UploadSession | undefined,
  manners: UploadManners,
  onSent: (bytes: number) => void,
  operation: OperationOptions,
): Promise<"mounted" | "uploaded"> {
  const upload = new BlobUpload(context, source, begun, manners, onSent, operation);
  return await upload.run();
}

class BlobUpload {
  readonly #context: RepositoryContext;
  readonly #source: UploadSource;
  readonly #manners: UploadManners;
  readonly #onSent: (bytes: number) => void;
  readonly #operation: OperationOptions;
  readonly #doing: string;
  readonly #cursor: SourceCursor | undefined;
  readonly #memory: UploadMemory;
  #manner: Manner;
  #session: UploadSession | undefined;
  #confirmed = 0;
  #anew = 0;
  #disagreements = 0;

  constructor(
    context: RepositoryContext,
    source: UploadSource,
    begun: UploadSession | undefined,
    manners: UploadManners,
    onSent: (bytes: number) => void,
    operation: OperationOptions,
  ) {
    this.#context = context;
    this.#source = source;
    this.#session = begun;
    this.#manners = manners;
    this.#onSent = onSent;
    this.#operation = operation;
    this.#doing = `upload blob ${context.name}@${source.digest}`;
    const { body, digest } = source;
    if (!(body instanceof Blob)) {
      this.#cursor = new SourceCursor(body instanceof Uint8Array ? bytesSource(body) : body, digest, onSent);
    }
    this.#manner = this.#preferredManner();
    const { metadata } = context.options;
    this.#memory =
      metadata === undefined || this.#manner === "whole" ? NO_MEMORY : uploadMemory(metadata, context.name, source);
  }

  async run(): Promise<"mounted" | "uploaded"> {
    const { transport } = this.#context;
    let before = 0;
    try {
      await this.#recall();
      const outcome = await transport.retry(this.#doing, (tries) => this.#attempt(tries), {
        ...this.#operation,
        progressed: () => {
          if (this.#confirmed < before + LEAST_PROGRESS) return false;
          before = this.#confirmed;
          return true;
        },
      });
      await this.#memory.forget();
      return outcome;
    } catch (error) {
      await this.#giveUp(error);
      throw error;
    } finally {
      await this.#cursor?.close().catch(() => undefined);
    }
  }

  #preferredManner(): Manner {
    const { chunkSize, metadata } = this.#context.options;
    if (this.#source.size <= Math.min(chunkSize ?? WHOLE_LIMIT, WHOLE_LIMIT)) return "whole";
    if (this.#manners.refusesChunks) return this.#canStream() ? "stream" : "whole";
    const inChunks = chunkSize !== undefined || metadata !== undefined || this.#manners.largestChunk !== undefined;
    return inChunks || !this.#canStream() ? "chunks" : "stream";
  }

  #canStream(): boolean {
    return this.#source.body instanceof Blob || (canStreamRequests() && !this.#manners.needsLength);
  }

  /** Takes up what an earlier run left, rather than what was begun just now. */
  async #recall(): Promise<void> {
    const record = await this.#memory.load();
    if (record === undefined) return;
    const { digest } = this.#source;
    const remembered: UploadSession = { ...record, url: record.path, resumed: true };
    const session = await uploadStatus(this.#context, remembered, digest, this.#operation).catch(() => {
      this.#operation.signal?.throwIfAborted();
      return undefined;
    });
    if (session === undefined) return;
    if (!this.#isUsable(session)) {
      await cancelUpload(this.#context, session, digest);
      return;
    }
    // Another run that wants to go on with the same upload finds the record changed, and this one likewise.
    if ((await this.#remember(session)) !== "saved") return;
    const begun = this.#session;
    this.#session = session;
    this.#onSent(session.offset);
    if (begun !== undefined) await cancelUpload(this.#context, begun, digest);
  }

  #isUsable({ offset }: UploadSession): boolean {
    return offset > 0 && offset <= this.#source.size;
  }

  async #remember({ path, offset, minimumChunk }: UploadSession): Promise<"saved" | "taken" | "none"> {
    return path === undefined ? "none" : await this.#memory.save({ path, offset, minimumChunk });
  }

  /** Tries to bring all bytes over. What may pass is thrown, and everything begins again with asking how far it came. */
  async #attempt(tries: number): Promise<"mounted" | "uploaded"> {
    try {
      if (tries > 0) {
        // The answer to the last request of all may be what was lost.
        if (await hasBlob(this.#context, this.#source, this.#operation)) return "uploaded";
        await this.#lookAgain();
      }
      for (;;) {
        if (this.#session === undefined) {
          const begun = await beginUpload(this.#context, this.#source, this.#manners, this.#operation);
          if (begun.kind === "mounted") return "mounted";
          this.#session = begun.session;
        }
        if (!this.#session.resumed) await this.#remember(this.#session);
        if ((await this.#send()) === "done") return "uploaded";
      }
    } catch (error) {
      // A body that breaks looks to the transport like a connection that does.
      if (this.#cursor?.failure !== undefined && !this.#operation.signal?.aborted) throw this.#cursor.failure.error;
      throw error;
    }
  }

  /** Asks the registry what it has. An upload that it does not know any more, or that cannot be ours, is begun anew. */
  async #lookAgain(): Promise<void> {
    if (this.#session === undefined) return;
    const session = await uploadStatus(this.#context, this.#session, this.#source.digest, this.#operation);
    if (session !== undefined && this.#isUsable(session)) {
      this.#session = session;
      this.#confirm(session);
      return;
    }
    if (session !== undefined) await cancelUpload(this.#context, session, this.#source.digest);
    this.#session = undefined;
  }

  #confirm(session: UploadSession): void {
    this.#confirmed = Math.max(this.#confirmed, session.offset);
  }

  /** Sends what is missing in the upload that is begun. @returns `anew` if another must be begun */
  async #send(): Promise<"done" | "anew"> {
    const { size } = this.#source;
    while (this.#session !== undefined && !(this.#manner === "whole" && this.#session.offset === 0)) {
      if (this.#session.offset >= size) break;
      await this.#sendPart(this.#session);
    }
    if (this.#session === undefined) return "anew";
    return await this.#finish(this.#session);
  }

  /** One PATCH. Afterwards there is a session that has got further, or none. */
  async #sendPart(session: UploadSession): Promise<void> {
    const { transport } = this.#context;
    const { size, digest } = this.#source;
    const { offset } = session;
    const end = Math.min(size, offset + this.#partSize(session));
    const response = await transport.sendOnce(
      {
        method: "PATCH",
        url: session.url,
        headers: {
          "Content-Type": "application/octet-stream",
          // Docker's one PATCH has none, and some registries take one with it for a chunk, which they refuse.
          ...((offset > 0 || end < size) && { "Content-Range": `${offset}-${end - 1}` }),
        },
        body: await this.#body(offset, end - offset),
        scopes: [pushScope(this.#context)],
        accept: [...DONE, ...this.#retractable(session, end - offset)],
        doing: this.#doing,
      },
      this.#operation,
    );
    await response.cancel();
    if (!DONE.includes(response.status)) {
      await this.#adapt(response.status, session, end - offset);
      return;
    }
    const advanced = advancedSession(session, response, end, this.#doing);
    if (advanced.offset !== end) {
      this.#disagree(`it has ${advanced.offset} bytes after it was sent ${end}`);
      if (this.#manner === "stream") this.#humbler();
    }
    if (!this.#isUsable(advanced)) {
      this.#startAnew();
      await cancelUpload(this.#context, advanced, digest);
      return;
    }
    this.#session = advanced;
    this.#confirm(advanced);
    this.#onSent(advanced.offset);
    // Two that send to the same upload would only disturb each other.
    if ((await this.#remember(advanced)) === "taken" && advanced.offset < size) this.#startAnew();
  }

  #partSize({ minimumChunk }: UploadSession): number {
    if (this.#manner !== "chunks") return Number.POSITIVE_INFINITY;
    const wanted = this.#context.options.chunkSize ?? CHUNK;
    return Math.max(1, Math.min(wanted, this.#manners.largestChunk ?? wanted), minimumChunk);
  }

  /** Refusals after which something else is tried. When there is nothing else, the transport makes errors of them. */
  #retractable(session: UploadSession, sent: number): readonly number[] {
    if (this.#anew >= ANEW_LIMIT || this.#disagreements >= DISAGREEMENT_LIMIT) return [];
    const lost = session.resumed || session.offset > 0 ? [404, 409, 410, 416] : [404, 416];
    const tooLarge = this.#smallerChunk(session, sent) === undefined ? [] : [413];
    const lengthless = this.#manners.needsLength ? [] : [411];
    const manner = this.#manner === "whole" ? [] : [405, 415, 501, ...(this.#manner === "chunks" ? [400] : [])];
    return [...lost, ...tooLarge, ...lengthless, ...manner];
  }

  #smallerChunk({ minimumChunk }: UploadSession, sent: number): number | undefined {
    const now = Math.min(sent, this.#manners.largestChunk ?? 4 * CHUNK, 4 * CHUNK);
    const smaller = Math.floor(now / 4);
    return smaller < Math.max(SMALLEST_CHUNK, minimumChunk) ? undefined : smaller;
  }

  /** After a refusal: finds out what the registry has, and changes the manner to one that it may like better. */
  async #adapt(status: number, session: UploadSession, sent: number): Promise<void> {
    switch (status) {
      case 413:
        this.#manners.largestChunk = this.#smallerChunk(session, sent);
        this.#manner = "chunks";
        break;
      case 411:
        // Some hosts do not tell the length of what they stream.
        this.#manners.needsLength = true;
        this.#manner = "chunks";
        break;
      case 416:
        this.#disagree(`it does not want to go on at ${session.offset}`);
        break;
      case 404:
      case 409:
      case 410:
        // A registry that forgot the upload, or one that has no PATCH at all.
        if (session.offset === 0 && !session.resumed && this.#anew > 0) this.#humbler();
        break;
      default:
        if (this.#manner === "chunks") this.#manners.refusesChunks = true;
        this.#humbler();
        this.#startAnew();
        await cancelUpload(this.#context, session, this.#source.digest);
        return;
    }
    await this.#lookAgain();
    if (this.#session === undefined) this.#startAnew();
  }

  #humbler(): void {
    this.#manner = this.#manner === "chunks" && this.#canStream() ? "stream" : "whole";
  }

  #startAnew(): void {
    this.#session = undefined;
    this.#anew++;
    if (this.#anew > ANEW_LIMIT) {
      throw new SlipwayError(
        "INVALID_RESPONSE",
        `Cannot ${this.#doing}: the registry forgot or refused ${this.#anew} uploads of it`,
      );
    }
  }

  #disagree(how: string): void {
    this.#disagreements++;
    if (this.#disagreements > DISAGREEMENT_LIMIT) {
      throw new SlipwayError(
        "INVALID_RESPONSE",
        `Cannot ${this.#doing}: the registry says again and again that ${how}`,
      );
    }
  }

  /** The PUT that ends the upload. */
  async #finish(session: UploadSession): Promise<"done" | "anew"> {
    const { digest, size } = this.#source;
    const { offset } = session;
    const body = offset < size || size === 0 ? await this.#body(offset, size - offset) : undefined;
    // What another run or a broken request left there may be something else than it should.
    const retractable = this.#anew >= ANEW_LIMIT ? [] : [404, 409, 410, 416, ...(session.resumed ? [400] : [])];
    const response = await this.#context.transport.sendOnce(
      {
        method: "PUT",
        url: withDigest(session.url, digest),
        headers: { "Content-Type": "application/octet-stream" },
        ...(body !== undefined && { body }),
        scopes: [pushScope(this.#context)],
        accept: [...DONE, ...retractable, ...this.#tooLargeWhole(session, body)],
        doing: this.#doing,
      },
      this.#operation,
    );
    await response.cancel();
    if (DONE.includes(response.status)) return await this.#finished(response);
    if (await hasBlob(this.#context, this.#source, this.#operation)) return "done";
    if (response.status === 413) {
      this.#manners.largestChunk = this.#smallerChunk(session, size);
      this.#manner = "chunks";
    }
    this.#startAnew();
    await cancelUpload(this.#context, session, digest);
    return "anew";
  }

  #tooLargeWhole(session: UploadSession, body: RequestBody | undefined): readonly number[] {
    const smaller = this.#anew < ANEW_LIMIT && body !== undefined && this.#smallerChunk(session, this.#source.size);
    return smaller ? [413] : [];
  }

  async #finished(response: RegistryResponse): Promise<"done"> {
    await expectBlob(this.#context, this.#source, response, this.#doing, this.#operation);
    this.#onSent(this.#source.size);
    return "done";
  }

  async #body(offset: number, length: number): Promise<RequestBody> {
    const { body } = this.#source;
    if (body instanceof Blob) return body.slice(offset, offset + length);
    if (body instanceof Uint8Array) return body.subarray(offset, offset + length);
    const part = this.#cursor?.part(offset, length) ?? body;
    return this.#canStream() ? part : await toBlob(part.open());
  }

  /** After a failure: what can be gone on with stays and is remembered, all else is taken back. */
  async #giveUp(error: unknown): Promise<void> {
    const session = this.#session;
    if (session !== undefined && !isFinal(error)) {
      const remembered = await this.#remember(session).catch(() => "none");
      if (remembered !== "none") return;
    }
    await this.#memory.forget().catch(() => undefined);
    if (session !== undefined) await cancelUpload(this.#context, session, this.#source.digest);
  }
}

/** Whether an error says that the upload, as far as it is, is no good. */
const isFinal = (error: unknown): boolean =>
  isSlipwayError(error) &&
  ["DIGEST_MISMATCH", "SIZE_MISMATCH", "INVALID_RESPONSE", "OUT_OF_RANGE"].includes(error.code);
