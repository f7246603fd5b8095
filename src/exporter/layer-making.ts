import type { OperationOptions } from "../progress.ts";
import type { BlobRecords, RecordedLayer } from "./blob-records.ts";
import type { FlightControl } from "./flight-control.ts";

/** A layer that was made, or found made. */
export interface MadeLayer extends RecordedLayer {
  /** It was there before. */
  readonly cached: boolean;
}

/** What keeps a layer from being made twice: what is recorded of earlier times, and who makes it at this time. */
export interface LayerMaking {
  readonly records: BlobRecords;
  readonly flights: FlightControl<MadeLayer>;
}

/**
 * The layer of `key`: the recorded one if its blob is still there, or else the one that `make` makes, for everybody who asks
 * for it at this time; it is recorded then.
 * @param key everything that decides the layer's bytes
 */
export async function makeOnce(
  { records, flights }: LayerMaking,
  key: string,
  make: (shared: OperationOptions) => Promise<RecordedLayer>,
  operation: OperationOptions,
): Promise<MadeLayer> {
  const findOrMake = async (shared: OperationOptions): Promise<MadeLayer> => {
    const found = await records.find(key);
    if (found) return { ...found, cached: true };
    const layer = await make(shared);
    await records.record(key, layer);
    return { ...layer, cached: false };
  };
  return await shareWork(flights, key, findOrMake, operation);
}

/**
 * What `make` makes, for everybody who asks for the same key at this time.
 * @param key what makes two calls the same work
 */
export async function shareWork(
  flights: FlightControl<MadeLayer>,
  key: string,
  make: (shared: OperationOptions) => Promise<MadeLayer>,
  operation: OperationOptions,
): Promise<MadeLayer> {
  const begun: { readonly ended: Promise<unknown>; readonly signal: AbortSignal }[] = [];
  try {
    return await flights.do(
      key,
      (shared) => {
        const making = make(shared);
        begun.push({ ended: making.catch(() => undefined), signal: shared.signal });
        return making;
      },
      operation,
    );
  } finally {
    // Flight control lets a caller go at once. Who began the work and leaves it with nobody else in it waits until it has
    // cleaned up behind itself, so that nothing goes on behind an export that has ended.
    for (const { ended, signal } of begun) if (signal.aborted) await ended;
  }
}
