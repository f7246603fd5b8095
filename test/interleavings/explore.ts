import { type Chooser, type Decision, decisionsOf, type Outcome, StuckError, type Touch } from "./scheduler.ts";

/** Runs the actors of a fresh scenario, and throws where an invariant does not hold. */
export type Try = (chooser: Chooser) => Promise<Outcome>;

/** Where a schedule departs from letting each actor go on for as long as it can. */
interface Switch {
  readonly index: number;
  readonly actor: number;
}

/** How many schedules were tried. */
export interface Explored {
  readonly schedules: number;
  /** Whether these were all that there are, within the bound. */
  readonly complete: boolean;
}

/** A schedule that broke an invariant. */
export class FoundError extends Error {
  /** Give it to {@link replay}. */
  readonly schedule: string;

  constructor(schedule: string, cause: unknown, steps: string) {
    super(`schedule "${schedule}": ${cause instanceof Error ? cause.message : String(cause)}${steps}`, { cause });
    this.schedule = schedule;
  }
}

/** A failure of an actor or an invariant, with what was done before. */
export class ViolationError extends Error {
  constructor(message: string, { decisions }: Outcome, cause?: unknown) {
    super(message, { cause });
    decisionsOf.set(this, decisions);
  }
}

/** Everything that {@link explore} is told. */
export interface ExploreOptions {
  /** How often at most an actor is interrupted that could have gone on. */
  readonly preemptions: number;
  /** Schedules at most; beyond, an even choice of them is tried. */
  readonly most: number;
}

interface Node {
  readonly switches: readonly Switch[];
  readonly cost: number;
}

/** A schedule that is only worth it if others touch what the interrupted actor touches next. */
interface Pending extends Node {
  readonly current: number;
  readonly touch: Touch;
}

/**
 * Tries all schedules with up to so many preemptions, those with fewer first (iterative context bounding). An actor is interrupted only
 * before a call that meets a call of another: interrupted anywhere else, the schedule is the same as one of these.
 * @throws FoundError
 */
export async function explore(attempt: Try, { preemptions, most }: ExploreOptions): Promise<Explored> {
  const touched: Map<string, Touch>[] = [];
  let schedules = 0;
  let complete = true;
  let level: Node[] = [{ switches: [], cost: 0 }];
  for (let bound = 0; bound <= preemptions; bound++) {
    const above: Node[] = [];
    let pending: Pending[] = [];
    if (level.length > most - schedules) {
      complete = false;
      level = shuffled(level).slice(0, Math.max(most - schedules, 0));
    }
    // Taken from the end: those that cost nothing more are found while the level is worked on.
    for (let node = level.pop(); node !== undefined; node = level.pop()) {
      const { switches, cost } = node;
      const { decisions, touched: more } = await attemptWith(attempt, new Switches(switches), formatSwitches(switches));
      schedules++;
      for (const [actor, touches] of more.entries()) {
        const known = touched[actor] ?? new Map<string, Touch>();
        touched[actor] = known;
        for (const [key, touch] of touches) if (touch.writes || !known.has(key)) known.set(key, touch);
      }
      for (let i = (switches.at(-1)?.index ?? -1) + 1; i < decisions.length; i++) {
        const { current, able, touch, chosen } = decisions[i] as Decision;
        for (const actor of able) {
          if (actor === chosen) continue;
          const child = { switches: [...switches, { index: i, actor }], cost: cost + (current === undefined ? 0 : 1) };
          if (current === undefined) level.push(child);
          else if (child.cost <= preemptions && touch !== undefined) pending.push({ ...child, current, touch });
        }
      }
      if (level.length > 0) continue;
      // What others touch is known only from what was tried.
      const left: Pending[] = [];
      for (const each of pending) (meets(each, touched) ? above : left).push(each);
      pending = left;
    }
    if (bound === preemptions) break;
    level = above;
  }
  return { schedules, complete };
}

/** As many schedules as there are seeds: of the first half each step is anybody's, in the others priorities change now and then. @throws FoundError */
export async function exploreRandomly(attempt: Try, seeds: Iterable<number>): Promise<number> {
  let schedules = 0;
  for (const seed of seeds) {
    await attemptWith(attempt, randomChooser(seed), `seed ${seed}`);
    schedules++;
  }
  return schedules;
}

/** Runs one schedule, as a {@link FoundError} names it. */
export async function replay(attempt: Try, schedule: string): Promise<Outcome> {
  const seed = /^seed (\d+)$/.exec(schedule)?.[1];
  const chooser =
    seed === undefined
      ? new Switches(
          schedule
            .split(" ")
            .filter((part) => part !== "")
            .map((part) => {
              const [index, actor] = part.split(">").map(Number);
              return { index: index ?? 0, actor: actor ?? 0 };
            }),
        )
      : randomChooser(Number(seed));
  return await attemptWith(attempt, chooser, schedule);
}

const formatSwitches = (switches: readonly Switch[]): string =>
  switches.map(({ index, actor }) => `${index}>${actor}`).join(" ");

async function attemptWith(attempt: Try, chooser: Chooser, schedule: string): Promise<Outcome> {
  try {
    return await attempt(chooser);
  } catch (error) {
    if (!(error instanceof ViolationError) && !(error instanceof StuckError)) throw error;
    throw new FoundError(schedule, error, stepsOf(decisionsOf.get(error) ?? []));
  }
}

/** What was done, one line for each time that an actor was let on. */
function stepsOf(decisions: readonly Decision[]): string {
  const lines: string[] = [];
  let begun = 0;
  for (const [i, { chosen, label }] of decisions.entries()) {
    if (decisions[i + 1]?.chosen === chosen) continue;
    const from = decisions[begun]?.label ?? "";
    lines.push(`\n  ${begun}: actor ${chosen} ${begun === i ? label : `${from} … ${label}`} (${i - begun + 1} steps)`);
    begun = i + 1;
  }
  return lines.length > 40 ? [...lines.slice(0, 20), "\n  …", ...lines.slice(-20)].join("") : lines.join("");
}

class Switches implements Chooser {
  readonly #switches: ReadonlyMap<number, number>;

  constructor(switches: readonly Switch[]) {
    this.#switches = new Map(switches.map(({ index, actor }) => [index, actor]));
  }

  choose({ index, current, able }: Parameters<Chooser["choose"]>[0]): ReturnType<Chooser["choose"]> {
    const wanted = this.#switches.get(index);
    if (wanted !== undefined && able.includes(wanted)) return { actor: wanted };
    return { actor: current ?? able[0] ?? 0 };
  }
}

function meets({ current, touch }: Pending, touched: readonly ReadonlyMap<string, Touch>[]): boolean {
  return touched.some(
    (touches, actor) => actor !== current && [...touches.values()].some((other) => isConflict(touch, other)),
  );
}

function isConflict(a: Touch, b: Touch): boolean {
  if (!a.writes && !b.writes) return false;
  return a.key === b.key || isUnder(a.key, b.key) || isUnder(b.key, a.key);
}

const isUnder = (key: string, prefix: string): boolean => prefix.endsWith("*") && key.startsWith(prefix.slice(0, -1));

function randomChooser(seed: number): Chooser {
  const random = generator(seed);
  if (seed % 2 === 0) {
    return {
      choose: ({ able, waiting }) => {
        const actor = able[Math.floor(random() * able.length)] ?? 0;
        return { actor, call: Math.floor(random() * Math.max(waiting(actor), 1)) };
      },
    };
  }
  // Whoever has the highest priority goes on; at a few places it becomes the last.
  const priorities = new Map<number, number>();
  let lowest = 0;
  return {
    choose: ({ able, waiting }) => {
      for (const actor of able) if (!priorities.has(actor)) priorities.set(actor, random());
      const best = able.reduce((a, b) => ((priorities.get(b) ?? 0) > (priorities.get(a) ?? 0) ? b : a), able[0] ?? 0);
      if (random() < 0.03) priorities.set(best, --lowest);
      return { actor: best, call: Math.floor(random() * Math.max(waiting(best), 1)) };
    },
  };
}

/** mulberry32 */
function generator(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function shuffled<T>(items: readonly T[]): T[] {
  const random = generator(1);
  const all = [...items];
  for (let i = all.length - 1; i > 0; i--) {
    const other = Math.floor(random() * (i + 1));
    [all[i], all[other]] = [all[other] as T, all[i] as T];
  }
  return all;
}
