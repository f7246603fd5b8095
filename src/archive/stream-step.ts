import { SlipwayError } from "../errors.ts";
import type { ProgressListener } from "../progress.ts";

/**
 * The counterpart of `runStep` for bytes that are made as they are asked for: one step from the first chunk to the last. A
 * reader that leaves earlier has made it fail.
 * @param work gives the chunks and reports bytes done and, once known, bytes in all
 */
export async function* streamStep(
  onProgress: ProgressListener | undefined,
  name: string,
  work: (report: (current: number, total?: number) => void) => AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const step = { id: name, name };
  let counts: { readonly current?: number; readonly total?: number } = {};
  let failure: unknown = new SlipwayError("UNAVAILABLE", `Cannot go on ${name}: nobody reads it any more`);
  let completed = false;
  onProgress?.({ ...step, state: "started" });
  try {
    yield* work((current, total) => {
      counts = total === undefined ? { current } : { current, total };
      onProgress?.({ ...step, state: "running", ...counts });
    });
    completed = true;
  } catch (error) {
    failure = error;
    throw error;
  } finally {
    onProgress?.({ ...step, ...counts, ...(completed ? { state: "completed" } : { state: "failed", error: failure }) });
  }
}
