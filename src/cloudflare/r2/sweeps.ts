import { isSlipwayError, SlipwayError } from "../../errors.ts";
import { type Digest, isDigest } from "../../oci/digest.ts";
import { randomName } from "../../random.ts";
import type { R2Calls } from "./calls.ts";
import { damaged, decodeDocument, encodeDocument } from "./document.ts";
import type { R2Notes, R2Records } from "./records.ts";

/** The mark of a sweep on the record of a blob that it is about to remove. */
export interface SweepMark {
  /** Names the sweep. */
  readonly sweep: string;
  /** Milliseconds since the epoch, after which anybody may decide that the blob stays. */
  readonly until: number;
}

/** What became of the blobs that a sweep has marked: those that are named stay, or all of them. */
export type Verdict = ReadonlySet<Digest> | "all stay";

export const stays = (verdict: Verdict, digest: Digest): boolean => verdict === "all stay" || verdict.has(digest);

/**
 * What sweeps have decided: an object each, which is created once and never changed. It settles at one moment what becomes of all blobs that
 * the sweep has marked, whoever creates it: the sweep, or who meets a mark of one that has not decided in time and lets all stay. So nothing
 * depends on clocks, or on the sweep's being alive.
 */
export class R2Sweeps {
  readonly #calls: R2Calls;
  readonly #records: R2Records;
  /** A verdict does not change. */
  readonly #known = new Map<string, Verdict>();

  constructor(calls: R2Calls, records: R2Records) {
    this.#calls = calls;
    this.#records = records;
  }

  /** @returns whether that is the verdict now; not if somebody has decided before */
  async decide(id: string, verdict: Verdict): Promise<boolean> {
    const by = randomName();
    const stay = verdict === "all stay" ? "all" : [...verdict];
    const record = encodeDocument({ by, stay });
    try {
      if ((await this.#records.create(id, record, { summary: JSON.stringify(stay) }, true)) !== undefined) {
        this.#known.set(id, verdict);
        return true;
      }
    } catch (error) {
      // It has been decided, but R2 did not say by whom.
      if (!isSlipwayError(error, "UNAVAILABLE")) throw error;
    }
    const decided = await this.#read(id);
    if (decided === undefined) {
      throw new SlipwayError("UNAVAILABLE", `Cannot decide on sweep ${id}: R2 did not take the verdict; try again`);
    }
    return decided.by === by;
  }

  /** What has been decided, if anything has. */
  async peek(id: string): Promise<Verdict | undefined> {
    return this.#known.get(id) ?? (await this.#read(id))?.verdict;
  }

  /** Learns all verdicts at once: for lists, in which there are marks of many sweeps. */
  async load(): Promise<void> {
    for await (const { key, notes } of this.#records.list()) {
      if (notes.summary !== undefined) this.#known.set(key, verdictOf(key, JSON.parse(notes.summary)));
    }
  }

  /** Waits until it is decided, and decides that all stay if the sweep does not in time. */
  async settle({ sweep, until }: SweepMark): Promise<Verdict> {
    for (let pause = 20; ; pause = Math.min(pause * 2, 500)) {
      const verdict = await this.peek(sweep);
      if (verdict !== undefined) return verdict;
      if (until < this.#calls.now()) await this.decide(sweep, "all stay");
      else await this.#calls.pause(pause);
    }
  }

  async #read(id: string): Promise<{ readonly by: unknown; readonly verdict: Verdict } | undefined> {
    const record = await this.#records.read(id);
    if (record === undefined) return undefined;
    const { by, stay } = decodeDocument(nameOf(id), record.bytes).fields;
    const verdict = verdictOf(id, stay);
    this.#known.set(id, verdict);
    return { by, verdict };
  }
}

function verdictOf(id: string, stay: unknown): Verdict {
  if (stay === "all") return "all stay";
  if (!Array.isArray(stay)) throw damaged(nameOf(id), "it does not say what stays");
  return new Set<Digest>(stay.filter(isDigest));
}

const nameOf = (id: string): string => `verdict of sweep ${id}`;

export function sweepMarkOf({ sweep, until }: R2Notes): SweepMark | undefined {
  return sweep === undefined ? undefined : { sweep, until: Number(until) };
}
