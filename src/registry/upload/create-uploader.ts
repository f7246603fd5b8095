import { SlipwayError } from "../../errors.ts";
import { createFlightControl, type FlightControl } from "../../exporter/flight-control.ts";
import { parseDigest } from "../../oci/digest.ts";
import { type OperationOptions, runStep, type StepReporter } from "../../progress.ts";
import type { Repository, UploadOutcome, UploadSource } from "../repository.ts";
import type { RepositoryContext } from "../repository-context.ts";
import { mountBlob } from "./begin-upload.ts";
import { hasBlob } from "./blob-presence.ts";
import { uploadBlob } from "./upload-blob.ts";
import { newManners, type UploadManners } from "./upload-manners.ts";
import { uploadMemory } from "./upload-record.ts";

/** What the repositories of one client share for their uploads. */
export interface UploadSharing {
  /** Keeps one blob from being sent twice at the same time. */
  readonly flights: FlightControl<UploadOutcome>;
  /** What each registry is known to refuse, by its name. */
  readonly manners: Map<string, UploadManners>;
}

/** A new one for each client. */
export function createUploadSharing(): UploadSharing {
  return { flights: createFlightControl<UploadOutcome>(), manners: new Map() };
}

/** `Repository.pushBlob`. @throws SlipwayError `INVALID_ARGUMENT` for a chunk size that cannot be */
export function createUploader(
  context: RepositoryContext,
  sharing: UploadSharing = createUploadSharing(),
): Repository["pushBlob"] {
  const { chunkSize } = context.options;
  if (chunkSize !== undefined && !(Number.isSafeInteger(chunkSize) && chunkSize > 0)) {
    throw new SlipwayError(
      "INVALID_ARGUMENT",
      `Cannot push to ${context.name} in chunks of ${chunkSize} bytes: a size is a whole number, at least 1`,
    );
  }
  return async (source, options = {}) => {
    const { mountFrom = [], ...operation } = options;
    const digest = parseDigest(source.digest);
    checkSize(context, source);
    const key = `${context.name}@${digest}`;
    return await sharing.flights.do(key, (shared) => pushBlob(context, sharing, source, mountFrom, shared), operation);
  };
}

/** The name of the step in which a blob is pushed. */
export const pushStep = (digest: string): string => `pushing blob ${digest}`;

async function pushBlob(
  context: RepositoryContext,
  { manners }: UploadSharing,
  source: UploadSource,
  mountFrom: readonly string[],
  { signal, onProgress }: OperationOptions,
): Promise<UploadOutcome> {
  const { digest, size } = source;
  const id = pushStep(digest);
  return await runStep(onProgress, { id, name: id }, async (report) => {
    const operation: OperationOptions = {
      signal,
      onProgress: onProgress && ((event) => onProgress(event.parent === undefined ? { ...event, parent: id } : event)),
    };
    if (await hasBlob(context, source, operation)) {
      report.cached();
      report.rename(`${id} (exists)`);
      await forgetUpload(context, source);
      return "existing";
    }
    const mounted = await mountBlob(context, source, mountFrom, operation);
    if (mounted.kind === "mounted") return reportMount(report, id, mounted.from);
    const begun = mounted.kind === "session" ? mounted.session : undefined;
    const known = manners.get(context.transport.registry) ?? newManners();
    manners.set(context.transport.registry, known);
    report.running(0, size);
    const onSent = (bytes: number): void => report.running(bytes, size);
    const outcome = await uploadBlob(context, source, begun, known, onSent, operation);
    return outcome === "mounted" ? reportMount(report, id, "another repository") : outcome;
  });
}

/** Another run, or one that was killed at the very end, may have left the record of an upload that is done. */
async function forgetUpload({ options: { metadata }, name }: RepositoryContext, source: UploadSource): Promise<void> {
  if (metadata === undefined) return;
  const memory = uploadMemory(metadata, name, source);
  if ((await memory.load()) !== undefined) await memory.forget();
}

function reportMount(report: StepReporter, id: string, from: string): "mounted" {
  report.cached();
  report.rename(`${id} (mounted from ${from})`);
  return "mounted";
}

function checkSize({ name }: RepositoryContext, { body, size, digest }: UploadSource): void {
  const actual = body instanceof Uint8Array ? body.byteLength : body.size;
  if (actual === size) return;
  throw new SlipwayError(
    "SIZE_MISMATCH",
    `Cannot push blob ${name}@${digest}: it has ${actual} bytes instead of ${size}`,
  );
}
