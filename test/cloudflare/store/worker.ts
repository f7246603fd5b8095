import { openR2, type R2BucketLike, type R2Store, type R2StoreOptions } from "../../../src/cloudflare/index.ts";
import { assert, assertEqual, assertRejects, type ConformanceCase } from "../../../src/conformance.ts";
import { collect, digestOfBytes, put, sampleBytes } from "../../../src/content/conformance/support.ts";
import { collectGarbage, readBlob, withLease, writeBlob } from "../../../src/content/index.ts";
import { type HasherFactory, pureHasher, toDigest } from "../../../src/hash/index.ts";
import { runSuites, type SuiteReport } from "../../runtimes/suite/report.ts";
import { TestTimers } from "../test-timers.ts";

const PART = 5 * 1024 * 1024;
const bytes = sampleBytes(1, 2 * PART + 300_000);
const digest = digestOfBytes(bytes);

/** One bucket for all cases, a prefix for each. */
class Fixture {
  readonly bucket: R2BucketLike;
  readonly prefix: string;
  readonly timers: TestTimers = new TestTimers();

  constructor(bucket: R2BucketLike, prefix: string) {
    this.bucket = bucket;
    this.prefix = prefix;
  }

  open(options: R2StoreOptions = {}, bucket: R2BucketLike = this.bucket): R2Store {
    return openR2(bucket, { prefix: this.prefix, timers: this.timers, partSize: PART, ...options });
  }

  async keys(under: string): Promise<readonly string[]> {
    return (await this.bucket.list({ prefix: this.prefix + under })).objects.map(({ key }) => key);
  }
}

/** An engine that keeps its states to itself. */
const withoutStates: HasherFactory = (algorithm) => {
  const hasher = pureHasher(algorithm);
  return {
    update: (chunk) => hasher.update(chunk),
    digest: () => hasher.digest(),
    clone: () => hasher.clone(),
  };
};

/** Writes in chunks up to an offset, not quickly, and vanishes without a word, as a Worker that is killed. */
async function writeAndVanish(store: R2Store, timers: TestTimers, end: number): Promise<void> {
  const writer = await store.content.writer({ ref: "r", digest });
  for (let at = 0; at < end; at += 65_536) {
    timers.ahead += 20;
    await writer.write(bytes.subarray(at, Math.min(at + 65_536, end)));
  }
}

/** Counts the reads of blobs' bytes. */
function counting(bucket: R2BucketLike): { readonly bucket: R2BucketLike; readonly reads: string[] } {
  const reads: string[] = [];
  const counted: R2BucketLike = {
    head: (key) => bucket.head(key),
    put: (key, value, options) => bucket.put(key, value, options),
    delete: (keys) => bucket.delete(keys),
    list: (options) => bucket.list(options),
    createMultipartUpload: (key) => bucket.createMultipartUpload(key),
    resumeMultipartUpload: (key, id) => bucket.resumeMultipartUpload(key, id),
    get(key, options) {
      if (key.includes("/data/")) reads.push(key);
      return bucket.get(key, options);
    },
  };
  return { bucket: counted, reads };
}

async function assertWhole(store: R2Store): Promise<void> {
  let size = 0;
  for await (const chunk of readBlob(store.content, { digest, size: bytes.byteLength })) size += chunk.byteLength;
  assertEqual(size, bytes.byteLength, "bytes");
}

const CASES: Readonly<Record<string, (fixture: Fixture) => Promise<void>>> = {
  "goes on where a Worker was killed, without reading what it wrote": async (fixture) => {
    await writeAndVanish(fixture.open({ hasher: pureHasher }), fixture.timers, 2 * PART + 200_000);
    const { bucket, reads } = counting(fixture.bucket);
    const store = fixture.open({ hasher: pureHasher }, bucket);
    await assertRejects(store.content.writer({ ref: "r" }), "UNAVAILABLE", "writer, while it may live");
    await assertRejects(store.content.abort("r"), "UNAVAILABLE", "abort, while it may live");
    fixture.timers.ahead += 61_000;
    const writer = await store.content.writer({ ref: "r" });
    const { offset } = writer.status();
    assert(offset >= 2 * PART && offset < 2 * PART + 65_536, `the ingest is at ${offset}`);
    await writer.write(bytes.subarray(offset));
    assertEqual((await writer.commit()).digest, digest, "digest");
    assertEqual(reads, [], "reads of what was there");
    await assertWhole(store);
  },

  "goes on where a Worker was killed, by hashing again where the engine has no states": async (fixture) => {
    await writeAndVanish(fixture.open({ hasher: withoutStates }), fixture.timers, 2 * PART + 200_000);
    fixture.timers.ahead += 61_000;
    const { bucket, reads } = counting(fixture.bucket);
    const store = fixture.open({ hasher: withoutStates }, bucket);
    await writeBlob(store.content, bytes, { ref: "r", digest });
    assert(reads.length > 0, "nothing was read");
    await assertWhole(store);
  },

  "begins again where R2 has dropped the parts of a killed Worker": async (fixture) => {
    await writeAndVanish(fixture.open(), fixture.timers, PART + 200_000);
    fixture.timers.ahead += 7 * 86_400_000;
    const dropped: R2BucketLike = {
      ...counting(fixture.bucket).bucket,
      resumeMultipartUpload: (key, id) => ({
        ...fixture.bucket.resumeMultipartUpload(key, id),
        uploadId: id,
        uploadPart: (number, value) => fixture.bucket.resumeMultipartUpload(key, id).uploadPart(number, value),
        abort: async () => undefined,
        complete: async () => {
          throw new Error("completeMultipartUpload: The specified multipart upload does not exist. (10024)");
        },
      }),
    };
    const writer = await fixture.open({}, dropped).content.writer({ ref: "r" });
    assertEqual(writer.status().offset, 0, "offset");
    await writer.close();
    await writeBlob(fixture.open().content, bytes, { ref: "r", digest });
    await assertWhole(fixture.open());
  },

  "stops a writer that was taken over, whatever it does next": async (fixture) => {
    for (const act of ["write", "commit"] as const) {
      const ref = `taken-${act}`;
      const [one, other] = [fixture.open(), fixture.open()];
      const lost = await one.content.writer({ ref });
      fixture.timers.ahead += 2000;
      await lost.write(sampleBytes(9, PART + 10));
      fixture.timers.ahead += 61_000;
      const taker = await other.content.writer({ ref });
      assert(taker.status().offset >= PART, "what the other wrote is gone on with");
      if (act === "write") await assertRejects(lost.write(sampleBytes(9, PART)), "UNAVAILABLE", "write");
      else await assertRejects(lost.commit(), "UNAVAILABLE", "commit");
      await lost.close().catch(() => undefined);
      await taker.truncate(0);
      const mine = sampleBytes(act === "write" ? 10 : 11, 100_000);
      await taker.write(mine);
      const info = await taker.commit();
      assertEqual(await collect(other.content.open(info.digest)), mine, "content");
    }
  },

  "leaves a writer alone that is slow, as long as nobody wants its ref": async (fixture) => {
    const store = fixture.open();
    const writer = await store.content.writer({ ref: "slow", digest });
    for (let at = 0; at < bytes.byteLength; at += 3_000_000) {
      await writer.write(bytes.subarray(at, at + 3_000_000));
      fixture.timers.ahead += 600_000;
    }
    await writer.commit();
    await assertWhole(store);
  },

  "reads any part of a blob that was written in pieces": async (fixture) => {
    const store = fixture.open();
    const whole = bytes.slice(0, PART + 900_000);
    for (const [begin, end] of [
      [0, 700_000],
      [700_000, PART + 600_000],
      [PART + 500_000, whole.byteLength],
    ] as const) {
      const writer = await store.content.writer({ ref: "pieces" });
      if (writer.status().offset > begin) await writer.truncate(begin);
      await writer.write(whole.subarray(begin, end));
      await writer.close();
    }
    const writer = await store.content.writer({ ref: "pieces" });
    const info = await writer.commit({ size: whole.byteLength });
    assertEqual(info.digest, digestOfBytes(whole), "digest");
    assert((await fixture.keys("data/")).length >= 3, "the blob is not in pieces");
    for (const [offset, length] of [
      [0, 10],
      [699_990, 20],
      [650_000, PART],
      [PART + 499_999, 2],
      [whole.byteLength - 5, 5],
      [100, 0],
    ] as const) {
      const part = await collect(store.content.open(info.digest, { offset, length }));
      assert(digestOfBytes(part) === digestOfBytes(whole.slice(offset, offset + length)), `${length} from ${offset}`);
    }
    await store.content.delete(info.digest);
    assertEqual(await fixture.keys("data/"), [], "objects after the blob was deleted");
  },

  "has R2 refuse what was altered on its way": async (fixture) => {
    const { bucket } = counting(fixture.bucket);
    const altering: R2BucketLike = {
      ...bucket,
      put: (key, value, options) => {
        const altered = value.slice();
        if (key.includes("/data/")) altered[0] = (altered[0] ?? 0) ^ 1;
        return bucket.put(key, altered, options);
      },
    };
    const store = fixture.open({}, altering);
    await assertRejects(writeBlob(store.content, bytes.subarray(0, 100_000)), "IO", "writing");
    for await (const blob of fixture.open().content.list()) throw new Error(`${blob.digest} is there`);
  },

  "finds what was altered, cut short or lost in the bucket, and takes it anew": async (fixture) => {
    const store = fixture.open();
    const small = bytes.slice(0, 200_000);
    const info = await put(store.content, small);
    const [key = ""] = await fixture.keys("data/");
    const read = async (): Promise<void> => {
      for await (const _ of readBlob(store.content, info));
    };
    await fixture.bucket.put(
      key,
      small.map((byte, i) => (i === 1000 ? byte ^ 1 : byte)),
    );
    await assertRejects(read, "DIGEST_MISMATCH", "altered");
    await fixture.bucket.put(key, small.subarray(0, 1000));
    await assertRejects(read, "IO", "cut short");
    await fixture.bucket.delete(key);
    await assertRejects(read, "IO", "lost");
    await writeBlob(store.content, small, { digest: info.digest });
    await read();
  },

  "verifies by the engine that Workers have for streams, unless another is given": async (fixture) => {
    const store = fixture.open();
    for (const algorithm of ["sha256", "sha512"] as const) {
      const verifier = store.content.verifier?.(algorithm);
      await verifier?.update(bytes.subarray(0, 1000));
      await verifier?.update(bytes.subarray(1000, 3000));
      const hash = await verifier?.digest();
      assert(hash !== undefined, "there is no verifier");
      assertEqual(toDigest(algorithm, hash), digestOfBytes(bytes.subarray(0, 3000), algorithm), algorithm);
    }
    assertEqual(fixture.open({ hasher: pureHasher }).content.verifier, undefined, "verifier beside a given hasher");
  },

  "tidies up what nothing refers to, and nothing else": async (fixture) => {
    const store = fixture.open();
    await writeBlob(store.content, bytes, { digest });
    const writer = await store.content.writer({ ref: "at work" });
    await writer.write(bytes.subarray(0, PART + 1));
    await writer.close();
    await fixture.bucket.put(`${fixture.prefix}data/${"a".repeat(32)}`, new Uint8Array(10));
    await store.tidy(3600);
    assertEqual((await fixture.keys("data/")).length, 3, "objects that are young");
    fixture.timers.ahead += 3_700_000;
    await store.tidy(3600);
    assertEqual((await fixture.keys("data/")).length, 2, "objects that are old");
    await assertWhole(store);
    const refs: string[] = [];
    for await (const ref of store.abandonedIngests(3600)) refs.push(ref);
    assertEqual(refs, ["at work"], "abandoned ingests");
    await store.content.abort("at work");
    assertEqual((await fixture.keys("ingests/")).length, 1, "notes of ingests that are gone");
    fixture.timers.ahead += 3_700_000;
    await store.tidy(3600);
    assertEqual((await fixture.keys("ingests/")).length, 0, "records of ingests");
    assertEqual((await fixture.keys("data/")).length, 1, "objects of blobs");
  },

  "lists more than R2 tells at once": async ({ bucket, prefix }) => {
    const store = openR2(bucket, { prefix });
    const wanted = Array.from({ length: 130 }, (_, i) => `image-${String(i).padStart(3, "0")}`);
    const target = { mediaType: "application/vnd.oci.image.manifest.v1+json", digest, size: 1 };
    await Promise.all(wanted.map((name) => store.images.create({ name, target })));
    await Promise.all(wanted.map((name, i) => store.metadata.set(name, Uint8Array.of(i))));
    assertEqual(
      (await store.images.list()).map(({ name }) => name),
      wanted,
      "names",
    );
    assertEqual(await store.metadata.keys("image-"), wanted, "keys");
  },

  "keeps to its prefix": async (fixture) => {
    const store = fixture.open();
    const other = openR2(fixture.bucket, { prefix: `other-${fixture.prefix}` });
    await put(store.content, bytes.subarray(0, 100));
    await store.metadata.set("a", Uint8Array.of(1));
    for await (const blob of other.content.list()) throw new Error(`${blob.digest} is there`);
    assertEqual(await other.metadata.keys(""), [], "keys");
    await put(other.content, bytes.subarray(0, 100));
  },

  "takes image names of any length, and says which keys are too long": async (fixture) => {
    const { images, metadata } = fixture.open();
    const target = { mediaType: "application/vnd.oci.image.manifest.v1+json", digest, size: 1 };
    const wanted = [`${"n".repeat(3000)}1`, `${"n".repeat(3000)}2`, "lone \ud800 surrogate", "lone \ud801 surrogate"];
    for (const name of wanted) await images.create({ name, target });
    for (const name of wanted) assertEqual((await images.get(name)).name, name, "name");
    assertEqual((await images.list()).length, 4, "images");
    await assertRejects(metadata.set("k".repeat(2000), new Uint8Array()), "INVALID_ARGUMENT", "key");
  },

  "protects by leases what another isolate would collect": async (fixture) => {
    const [one, other] = [fixture.open(), fixture.open()];
    const lease = await one.leases.create();
    const { digest: held } = await put(withLease(one.content, lease), bytes.subarray(0, 500));
    const { digest: free } = await put(one.content, bytes.subarray(0, 600));
    const collected = await collectGarbage({ content: other.content, leases: other.leases, roots: () => [] });
    assertEqual(
      collected.removed.map((info) => info.digest),
      [free],
      "removed",
    );
    await lease.release();
    const { removed } = await collectGarbage({
      content: other.content,
      leases: other.leases,
      roots: () => [],
      among: [held],
    });
    assertEqual(removed.length, 1, "removed after the release");
  },

  "refuses options that cannot be": async (fixture) => {
    for (const options of [
      { partSize: 1024 },
      { partSize: 2 ** 40 },
      { attempts: 0 },
      { timeout: 0.5 },
      { hold: -1 },
      { callLimit: 0 },
    ]) {
      await assertRejects(async () => fixture.open(options), "INVALID_ARGUMENT", JSON.stringify(options));
    }
  },
};

/** What the store over R2 does beyond the contracts. */
export async function run(_argument: unknown, env: { readonly BUCKET: R2BucketLike }): Promise<readonly SuiteReport[]> {
  const cases = Object.entries(CASES).map(
    ([name, check], i): ConformanceCase => ({ name, run: () => check(new Fixture(env.BUCKET, `case-${i}/`)) }),
  );
  return await runSuites({ "the R2 store": cases });
}
