import { AsyncLocalStorage } from "node:async_hooks";

/** What a call reads or writes; a key that ends in `*` stands for all that begin so. Two calls that cannot meet need not be tried in both orders. */
export interface Touch {
  readonly key: string;
  readonly writes: boolean;
}

/** Something that goes on by itself beside others: a process, a tab, a request. */
export type Actor = () => Promise<void>;

/** One decision of a schedule. */
export interface Decision {
  /** The actor that took the step before, if it could have taken this one, too. */
  readonly current: number | undefined;
  /** Actors that could take this step. */
  readonly able: readonly number[];
  /** What the next call of the current one touches, if it has one that waits. */
  readonly touch: Touch | undefined;
  /** Who took it. */
  readonly chosen: number;
  /** What was done, for messages. */
  readonly label: string;
}

/** Says who goes on. */
export interface Chooser {
  /** @returns the actor, and which of its calls that wait; default the oldest */
  choose(decision: {
    readonly index: number;
    readonly current: number | undefined;
    readonly able: readonly number[];
    readonly waiting: (actor: number) => number;
  }): { readonly actor: number; readonly call?: number };
}

/** What became of one schedule. */
export interface Outcome {
  readonly decisions: readonly Decision[];
  /** What each actor failed with. */
  readonly errors: readonly unknown[];
  /** By actor: what its calls touched. */
  readonly touched: readonly ReadonlyMap<string, Touch>[];
}

/** All actors wait for each other, or they never end. */
export class StuckError extends Error {}

/** What was done before a schedule failed. Beside the errors: a runner would print all of it. */
export const decisionsOf: WeakMap<Error, readonly Decision[]> = new WeakMap();

/** How a schedule is run. */
export interface RunOptions {
  readonly chooser: Chooser;
  /** Whether something goes on that no call of the double stands for, as a host's file that is being read. */
  readonly isBusy?: (() => boolean) | undefined;
  /** Whether actors may be so slow that the patience of others runs out. */
  readonly slow?: boolean | undefined;
  /** Steps after which actors that are still at work will never end. */
  readonly limit?: number | undefined;
}

interface Parked {
  readonly label: string;
  readonly touch: Touch;
  readonly isFree: () => boolean;
  readonly go: () => void;
}

interface Timer {
  readonly at: number;
  readonly call: () => void;
}

interface ActorState {
  readonly index: number;
  readonly parked: Parked[];
  readonly timers: Set<Timer>;
  readonly touched: Map<string, Touch>;
  ended: boolean;
  names: number;
  /** How often its waiting was over while others could have gone on. */
  wakes: number;
}

interface Context {
  readonly run: Run;
  readonly actor: ActorState;
}

interface Run {
  over: boolean;
  now: number;
  readonly held: Set<string>;
}

/** Waits of this length and more (milliseconds) are for what is dead: they do not run out in a schedule. */
const NEVER = 5000;

/** So often somebody looks again before others go on: nobody is so slow that the patience of those who wait for him runs out. */
const WAKES = 6;

/** Milliseconds since the epoch at which each schedule begins. */
const EPOCH = Date.UTC(2030, 0, 1);

const context = new AsyncLocalStorage<Context>();
const untouched: Touch = { key: "", writes: false };

function here(): Context | undefined {
  const found = context.getStore();
  return found === undefined || found.run.over ? undefined : found;
}

/**
 * Called by a double before each call: the actor goes on when the scheduler says so. Outside of schedules it goes on at once.
 */
export async function step(label: string, touch: Touch = untouched, isFree: () => boolean = () => true): Promise<void> {
  const found = here();
  if (found === undefined) return;
  const { actor } = found;
  await new Promise<void>((go) => {
    actor.parked.push({ label, touch, isFree, go });
  });
}

/** Runs `work` while nobody else in this schedule holds that lock. Whoever waits for it is not able to go on, so that nobody polls. */
export async function exclusive<T>(name: string, work: () => Promise<T>): Promise<T> {
  const found = here();
  if (found === undefined) return await work();
  const { held } = found.run;
  await step(`lock ${name}`, { key: `lock ${name}`, writes: true }, () => !held.has(name));
  held.add(name);
  try {
    return await work();
  } finally {
    held.delete(name);
  }
}

/** Takes a lock that is free. @returns whether it was */
export async function tryLock(name: string): Promise<(() => void) | undefined> {
  const found = here();
  if (found === undefined) return () => undefined;
  const { held } = found.run;
  await step(`try to lock ${name}`, { key: `lock ${name}`, writes: true });
  if (held.has(name)) return undefined;
  held.add(name);
  return () => held.delete(name);
}

/** The time, which passes only where all wait for it. */
export function now(): number {
  return context.getStore()?.run.now ?? EPOCH;
}

/** Whether the caller is an actor of a schedule that is under way. */
export function isScheduled(): boolean {
  return here() !== undefined;
}

/** Calls back when the time has come. @returns what takes it back */
export function after(milliseconds: number, call: () => void): () => void {
  const found = here();
  if (found === undefined) throw new Error("Nobody waits outside of a schedule");
  const { run, actor } = found;
  if (milliseconds >= NEVER) return () => undefined;
  const timer: Timer = { at: run.now + milliseconds, call };
  actor.timers.add(timer);
  return () => actor.timers.delete(timer);
}

let outside = 0;

/** Begins anew with the names that are given outside of schedules. */
export function resetNames(): void {
  outside = 0;
}

/** Names that are the same in each run of a schedule, where the host would have random ones. */
export function installNames(): void {
  const original = crypto.getRandomValues.bind(crypto);
  crypto.getRandomValues = (<T extends ArrayBufferView>(array: T): T => {
    if (array === null) return original(array);
    const found = context.getStore();
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength).fill(0);
    const count = found === undefined ? outside++ : found.actor.names++;
    bytes[0] = found === undefined ? 0xee : found.actor.index + 1;
    for (let at = bytes.length - 1, rest = count; at > 0 && rest > 0; at--, rest = Math.floor(rest / 256)) {
      bytes[at] = rest % 256;
    }
    return array;
  }) as typeof crypto.getRandomValues;
}

/** `setTimeout` and its like, by which actors wait for the schedule's time instead of the host's. */
export function installTimers(): void {
  const { setTimeout: later, clearTimeout: notLater, setInterval: often, clearInterval: notOften } = globalThis;
  const cancels = new Map<unknown, () => void>();
  let count = 0;
  const virtual = (milliseconds: number, call: () => void): object => {
    const id = { id: count++ };
    cancels.set(id, after(milliseconds, call));
    return id;
  };
  const cancel = (id: unknown): boolean => {
    const found = cancels.get(id);
    found?.();
    return cancels.delete(id);
  };
  Object.assign(globalThis, {
    setTimeout: (call: () => void, milliseconds = 0, ...rest: []) =>
      isScheduled() ? virtual(milliseconds, call) : later(call, milliseconds, ...rest),
    clearTimeout: (id: never) => (cancel(id) ? undefined : notLater(id)),
    // Only what is renewed now and then: never within a schedule.
    setInterval: (call: () => void, milliseconds = 0, ...rest: []) =>
      isScheduled() ? virtual(NEVER, call) : often(call, milliseconds, ...rest),
    clearInterval: (id: never) => (cancel(id) ? undefined : notOften(id)),
  });
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * Runs actors, one step at a time, in the order that the chooser says: whoever calls a double waits until it is chosen, and everything
 * comes to rest before the next is.
 * @throws StuckError
 */
export async function runSchedule(actors: readonly Actor[], options: RunOptions): Promise<Outcome> {
  const { chooser, isBusy = () => false, slow = false, limit = 20_000 } = options;
  const wakes = slow ? Number.POSITIVE_INFINITY : WAKES;
  const run: Run = { over: false, now: EPOCH, held: new Set() };
  const errors: unknown[] = [];
  const decisions: Decision[] = [];
  const states = actors.map(
    (_, index): ActorState => ({
      index,
      parked: [],
      timers: new Set(),
      touched: new Map(),
      ended: false,
      names: 0,
      wakes: 0,
    }),
  );
  for (const [index, actor] of actors.entries()) {
    const state = states[index] as ActorState;
    context.run({ run, actor: state }, () => {
      step("begin")
        .then(actor)
        .catch((error: unknown) => {
          errors[index] = error;
        })
        .finally(() => {
          state.ended = true;
        });
    });
  }
  const isReady = ({ parked }: ActorState): boolean => parked.some(({ isFree }) => isFree());
  const isAble = (state: ActorState): boolean => !state.ended && (isReady(state) || state.timers.size > 0);
  const stuck = (message: string): StuckError => {
    const error = new StuckError(message);
    decisionsOf.set(error, decisions);
    return error;
  };
  let last: ActorState | undefined;
  for (;;) {
    do await turn();
    while (isBusy());
    if (states.every(({ ended }) => ended)) break;
    const able = states.filter(isAble);
    if (able.length === 0) throw stuck(`All wait for each other:${describe(states)}`);
    if (decisions.length >= limit) throw stuck(`They never end: ${limit} steps were taken`);
    // Who waits for the time lets others go first.
    const current = last !== undefined && !last.ended && isReady(last) ? last : undefined;
    const others = able.filter((state) => state !== last);
    const isAnyReady = able.some(isReady);
    const eligible = (current === undefined && others.length > 0 ? others : able).filter(
      (state) => !isAnyReady || isReady(state) || state.wakes < wakes,
    );
    const { actor, call = 0 } = chooser.choose({
      index: decisions.length,
      current: current?.index,
      able: eligible.map(({ index }) => index),
      waiting: (index) => states[index]?.parked.filter(({ isFree }) => isFree()).length ?? 0,
    });
    const chosen = states[actor];
    if (chosen === undefined || !eligible.includes(chosen)) throw new Error(`Actor ${actor} cannot go on`);
    const next = current?.parked.find(({ isFree }) => isFree())?.touch;
    if (isAnyReady && !isReady(chosen)) chosen.wakes++;
    const label = advance(chosen, call, run);
    decisions.push({
      current: current?.index,
      able: eligible.map(({ index }) => index),
      touch: next,
      chosen: actor,
      label,
    });
    last = chosen;
  }
  // Background work that outlived its actor ends by itself. (Where nobody ends, all stay where they are.)
  run.over = true;
  for (const { parked } of states) for (const { go } of parked.splice(0)) go();
  return { decisions, errors, touched: states.map(({ touched }) => touched) };
}

function advance(state: ActorState, call: number, run: Run): string {
  const free = state.parked.filter(({ isFree }) => isFree());
  const parked = free[Math.min(call, free.length - 1)];
  if (parked !== undefined) {
    state.parked.splice(state.parked.indexOf(parked), 1);
    const { key, writes } = parked.touch;
    if (writes || !state.touched.has(key)) state.touched.set(key, parked.touch);
    parked.go();
    return parked.label;
  }
  const timer = [...state.timers].reduce((a, b) => (b.at < a.at ? b : a));
  state.timers.delete(timer);
  run.now = Math.max(run.now, timer.at);
  timer.call();
  return "wait";
}

function describe(states: readonly ActorState[]): string {
  return states
    .filter(({ ended }) => !ended)
    .map(({ index, parked }) => `\n  actor ${index}: ${parked.map(({ label }) => label).join(", ") || "no call waits"}`)
    .join("");
}
