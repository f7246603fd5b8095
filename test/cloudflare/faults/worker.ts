import { openR2, type R2BucketLike, type R2Store } from "../../../src/cloudflare/index.ts";
import { assert, assertEqual } from "../../../src/conformance.ts";
import { readBlob } from "../../../src/content/index.ts";
import { isSlipwayError } from "../../../src/errors.ts";
import { TestTimers, TIMEOUT } from "../test-timers.ts";
import { type Fault, FaultyBucket, faultsOf } from "./faulty-bucket.ts";
import { SCENARIOS, type Scenario } from "./scenarios.ts";

/** How one scenario went. */
export interface FaultReport {
  readonly scenario: string;
  /** Calls that it makes if none goes wrong. */
  readonly calls: number;
  readonly runs: number;
  /** Runs that succeeded in spite of the fault. */
  readonly mended: number;
  readonly failures: readonly string[];
}

/**
 * Every call of a scenario, with every fault: once, and from there on.
 * @param number which scenario
 */
export async function run(number: number, env: { readonly BUCKET: R2BucketLike }): Promise<FaultReport | undefined> {
  const scenario = SCENARIOS[number];
  return scenario && (await tryScenario(env.BUCKET, scenario));
}

let stores = 0;

async function tryScenario(bucket: R2BucketLike, scenario: Scenario): Promise<FaultReport> {
  const failures: string[] = [];
  let runs = 0;
  let mended = 0;
  const whole = await attempt(bucket, scenario, undefined);
  for (let from = 0; from < whole.calls.length; from++) {
    for (const fault of faultsOf(whole.calls[from] ?? "")) {
      for (const to of [from, Number.POSITIVE_INFINITY]) {
        // Again and again only where a call fails: the other ways would come to the same.
        if (to !== from && fault !== "fails" && fault !== "answers null") continue;
        runs++;
        const what = `${scenario.name}: call ${from} (${whole.calls[from]}) ${fault}${to === from ? "" : ", and all later ones"}`;
        try {
          const { error } = await attempt(bucket, scenario, { fault, from, to });
          if (error === undefined) mended++;
          if (fault === "answers null") continue;
          if (error !== undefined) assert(isSlipwayError(error), `an error of another kind: ${error}`);
          // What fails once is tried again.
          if (to === from) assertEqual(error, undefined, "error");
        } catch (error) {
          failures.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
        }
      }
    }
  }
  return { scenario: scenario.name, calls: whole.calls.length, runs, mended, failures };
}

async function attempt(
  bucket: R2BucketLike,
  scenario: Scenario,
  plan: { readonly fault: Fault; readonly from: number; readonly to: number } | undefined,
): Promise<{ readonly calls: readonly string[]; readonly error: unknown }> {
  const prefix = `faults-${++stores}/`;
  const timers = new TestTimers();
  const options = { prefix, timers, timeout: TIMEOUT, partSize: 5 * 1024 * 1024 };
  await scenario.prepare?.(openR2(bucket, options));

  const faulty = new FaultyBucket(bucket, timers, plan);
  const error: unknown = await scenario.act(openR2(faulty, options)).then(
    () => undefined,
    (error: unknown) => error ?? new Error("rejected with nothing"),
  );
  const calls = faulty.calls.map((call) => call.replace(prefix, "").replace(/[0-9a-f]{32,}/, "…"));

  // In another isolate, when whoever held something may be taken for dead.
  timers.ahead += 120_000;
  const store = openR2(bucket, options);
  await everyBlobIsWhole(store);
  // An answer that there is nothing has to be believed: what was to be removed may then be there still.
  if (error === undefined && plan?.fault !== "answers null") await scenario.check(store);
  await scenario.act(store);
  await scenario.check(store);
  await nothingIsLeft(bucket, store, prefix);
  return { calls, error };
}

async function everyBlobIsWhole(store: R2Store): Promise<void> {
  for await (const { digest, size } of store.content.list()) {
    for await (const _ of readBlob(store.content, { digest, size }));
  }
}

/** After tidying up there is an object for each segment of a blob, and no other. */
async function nothingIsLeft(bucket: R2BucketLike, store: R2Store, prefix: string): Promise<void> {
  await everyBlobIsWhole(store);
  // One may be left that R2 did not tell of when it was to be gone on with.
  for await (const ref of store.abandonedIngests(0)) await store.content.abort(ref);
  // What is gone is deleted a minute after it was noted, at the earliest.
  await store.tidy(-3600);
  let size = 0;
  for await (const info of store.content.list()) if (info.size > 32 * 1024) size += info.size;
  let stored = 0;
  for (const { size: bytes } of (await bucket.list({ prefix: `${prefix}data/` })).objects) stored += bytes;
  // A segment may be longer than what the blob has of it.
  assert(stored >= size && stored <= size + 64 * 1024, `${stored} bytes under data/ for ${size} bytes of blobs`);
}
