/**
 * Runs `work` on every item, at most `limit` at a time, and gives the results in the order of the items.
 *
 * When one fails, the others' signal is aborted and no new one begins; when all have ended, the first failure is thrown.
 * @param signal aborting it fails everything with its reason
 */
export async function mapConcurrently<Item, Result>(
  items: readonly Item[],
  limit: number,
  signal: AbortSignal | undefined,
  work: (item: Item, signal: AbortSignal) => Promise<Result>,
): Promise<Result[]> {
  signal?.throwIfAborted();
  const controller = new AbortController();
  const failures: unknown[] = [];
  const fail = (error: unknown): void => {
    failures.push(error);
    // Not with the error itself: it is one part's own, and the others must not pass for its cause.
    controller.abort(new DOMException("another part of the same work failed", "AbortError"));
  };
  const onAbort = (): void => {
    failures.push(signal?.reason);
    controller.abort(signal?.reason);
  };
  signal?.addEventListener("abort", onAbort, { once: true });

  const results = new Map<number, Result>();
  const queue = items.entries();
  const worker = async (): Promise<void> => {
    for (const [index, item] of queue) {
      if (failures.length > 0) return;
      try {
        results.set(index, await work(item, controller.signal));
      } catch (error) {
        fail(error);
      }
    }
  };
  try {
    // The queue is one iterator that all workers draw from.
    await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
  if (failures.length > 0) throw failures[0];
  return items.map((_, index) => results.get(index) as Result);
}
