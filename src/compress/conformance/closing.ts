import { assertEqual, assertRejects } from "../../conformance.ts";
import { isSlipwayError } from "../../errors.ts";
import { deflateMany, type PoolCase, sampleText, settleMany } from "./support.ts";

/** What `close` does, for pools that can be closed. */
export const closingCases: readonly PoolCase[] = [
  {
    name: "fails what is under way when it is closed, and what comes later",
    async run(pool) {
      const pending = deflateMany(pool, 40);
      await pending[0]?.promise;
      const closing = pool.close();
      const { done, givenUp } = await settleMany(pending, (error) => isSlipwayError(error, "UNAVAILABLE"));
      assertEqual(done + givenUp, 40, "blocks");
      await closing;
      await assertRejects(() => pool.deflate(sampleText(1), { level: 6 }), "UNAVAILABLE", "a large block");
      await assertRejects(() => pool.deflate(new Uint8Array(0), { level: 6 }), "UNAVAILABLE", "an empty block");
    },
  },
  {
    name: "can be closed twice, and before it has done anything",
    async run(pool) {
      await Promise.all([pool.close(), pool.close()]);
      await pool.close();
      await assertRejects(() => pool.deflate(sampleText(1), { level: 6 }), "UNAVAILABLE");
    },
  },
];
