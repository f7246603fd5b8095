import { assert, assertEqual } from "../../conformance.ts";
import { assertDeflated, deflateMany, type PoolCase, sampleText, settleMany } from "./support.ts";

/** What an aborted signal does. */
export const cancellingCases: readonly PoolCase[] = [
  {
    name: "does not begin a block whose signal is aborted, and throws the signal's reason",
    async run(pool) {
      const reason = new Error("no longer wanted");
      const outcome = await pool.deflate(sampleText(1), { level: 6, signal: AbortSignal.abort(reason) }).then(
        () => "done",
        (error: unknown) => error,
      );
      assert(outcome === reason, `expected the signal's reason, got ${String(outcome)}`);
    },
  },
  {
    name: "gives up the blocks of a signal when it is aborted, and no others",
    async run(pool) {
      const reason = new Error("no longer wanted");
      const controller = new AbortController();
      const given = deflateMany(pool, 40, controller.signal);
      const others = deflateMany(pool, 5);
      await given[0]?.promise;
      controller.abort(reason);
      const settled = await settleMany(given, (error) => error === reason);
      assert(settled.done >= 1, "the first block was done before");
      assertEqual((await settleMany(others, () => false)).done, 5, "blocks of others");
      assertDeflated(await pool.deflate(sampleText(9), { level: 6 }), sampleText(9), 6, "a block that comes later");
    },
  },
  {
    name: "keeps no hold of a signal when a block is done",
    async run(pool) {
      const listeners = new Set<unknown>();
      const { signal } = new AbortController();
      const add = signal.addEventListener.bind(signal);
      const remove = signal.removeEventListener.bind(signal);
      signal.addEventListener = (type: string, listener: EventListenerOrEventListenerObject): void => {
        listeners.add(listener);
        add(type, listener);
      };
      signal.removeEventListener = (type: string, listener: EventListenerOrEventListenerObject): void => {
        listeners.delete(listener);
        remove(type, listener);
      };
      await settleMany(deflateMany(pool, 5, signal), () => false);
      assertEqual(listeners.size, 0, "listeners that are left");
    },
  },
];
