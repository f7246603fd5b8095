import { describe, expect, it } from "vitest";
import { createFlightControl, type SharedOperation } from "../../src/exporter/flight-control.ts";
import type { ProgressEvent } from "../../src/progress.ts";

/** Work that counts its runs and ends when the test says so, or when it is aborted. */
function controlledWork<T>(result: T) {
  let runs = 0;
  let finish: (() => void) | undefined;
  let fail: ((error: Error) => void) | undefined;
  let shared: SharedOperation | undefined;
  const running: { signal?: AbortSignal } = {};
  return {
    work: (operation: SharedOperation): Promise<T> => {
      runs++;
      shared = operation;
      running.signal = operation.signal;
      return new Promise<T>((resolve, reject) => {
        finish = () => resolve(result);
        fail = reject;
        operation.signal.addEventListener("abort", () => reject(operation.signal.reason), { once: true });
      });
    },
    runs: () => runs,
    finish: () => finish?.(),
    fail: (error: Error) => fail?.(error),
    signal: () => running.signal,
    report: (event: ProgressEvent) => shared?.onProgress(event),
  };
}

/** Lets everything that is ready run. */
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

const running = (current: number): ProgressEvent => ({ id: "layer", name: "layer", state: "running", current });
const started: ProgressEvent = { id: "layer", name: "layer", state: "started" };

describe("flight control", () => {
  it("runs the same work once for callers at the same time, and gives all of them its result", async () => {
    const flights = createFlightControl<string>();
    const { work, runs, finish } = controlledWork("bar");
    const both = Promise.all([flights.do("foo", work), flights.do("foo", work)]);
    await settle();
    finish();
    expect(await both).toEqual(["bar", "bar"]);
    expect(runs()).toBe(1);
  });

  it("runs work of different keys apart", async () => {
    const flights = createFlightControl<string>();
    expect(await Promise.all([flights.do("a", async () => "1"), flights.do("b", async () => "2")])).toEqual(["1", "2"]);
  });

  it("runs again when a call has ended: results are not kept", async () => {
    const flights = createFlightControl<number>();
    let runs = 0;
    const work = async (): Promise<number> => ++runs;
    expect(await flights.do("foo", work)).toBe(1);
    expect(await flights.do("foo", work)).toBe(2);
  });

  it("gives an error to all callers of the time, and does not keep it", async () => {
    const flights = createFlightControl<string>();
    const { work, fail } = controlledWork("bar");
    const calls = [flights.do("foo", work), flights.do("foo", work)];
    await settle();
    const error = new Error("no");
    fail(error);
    expect(await Promise.allSettled(calls)).toEqual([
      { status: "rejected", reason: error },
      { status: "rejected", reason: error },
    ]);
    expect(await flights.do("foo", async () => "bar")).toBe("bar");
  });

  it("turns work that throws at once into a rejection", async () => {
    const flights = createFlightControl<string>();
    const error = new Error("at once");
    const work = (): Promise<string> => {
      throw error;
    };
    await expect(flights.do("foo", work)).rejects.toBe(error);
  });

  it("goes on for the others when one caller cancels; that one gets its own reason at once", async () => {
    const flights = createFlightControl<string>();
    const { work, runs, finish, signal } = controlledWork("bar");
    const first = new AbortController();
    const leaves = flights.do("foo", work, { signal: first.signal });
    const stays = flights.do("foo", work);
    await settle();
    const reason = new Error("I leave");
    first.abort(reason);
    await expect(leaves).rejects.toBe(reason);
    expect(signal()?.aborted).toBe(false);
    finish();
    expect(await stays).toBe("bar");
    expect(runs()).toBe(1);
  });

  it("aborts the work only when the last caller has cancelled", async () => {
    const flights = createFlightControl<string>();
    const { work, signal } = controlledWork("bar");
    const [one, two] = [new AbortController(), new AbortController()];
    const calls = Promise.allSettled([
      flights.do("foo", work, { signal: one.signal }),
      flights.do("foo", work, { signal: two.signal }),
    ]);
    await settle();
    one.abort(new Error("one"));
    await settle();
    expect(signal()?.aborted).toBe(false);
    two.abort(new Error("two"));
    const [a, b] = await calls;
    expect(a).toMatchObject({ status: "rejected", reason: { message: "one" } });
    expect(b).toMatchObject({ status: "rejected", reason: { message: "two" } });
    await settle();
    expect(signal()?.aborted).toBe(true);
    expect(await flights.do("foo", async () => "again")).toBe("again");
  });

  it("lets a caller leave although the work does not heed its signal", async () => {
    const flights = createFlightControl<string>();
    const caller = new AbortController();
    const call = flights.do("foo", () => new Promise<string>(() => {}), { signal: caller.signal });
    await settle();
    caller.abort(new Error("now"));
    await expect(call).rejects.toThrow("now");
  });

  it("makes who joins a cancelled call wait for its end and try again", async () => {
    const flights = createFlightControl<string>();
    let end: (() => void) | undefined;
    const slowToStop = (): Promise<string> =>
      new Promise((_, reject) => {
        end = () => reject(new Error("stopped"));
      });
    const caller = new AbortController();
    const cancelled = flights.do("foo", slowToStop, { signal: caller.signal });
    await settle();
    caller.abort(new Error("cancelled"));
    await expect(cancelled).rejects.toThrow("cancelled");

    let runs = 0;
    const joiner = flights.do("foo", async () => `run ${++runs}`);
    await settle();
    expect(runs).toBe(0);
    end?.();
    expect(await joiner).toBe("run 1");
  });

  it("gives the joiner of a cancelled call its own result even if the cancelled work succeeds after all", async () => {
    const flights = createFlightControl<string>();
    let end: (() => void) | undefined;
    const caller = new AbortController();
    const cancelled = flights.do("foo", () => new Promise<string>((resolve) => (end = () => resolve("late"))), {
      signal: caller.signal,
    });
    await settle();
    caller.abort();
    await expect(cancelled).rejects.toThrow();
    const joiner = flights.do("foo", async () => "fresh");
    end?.();
    expect(await joiner).toBe("fresh");
  });

  it("lets who waits for a cancelled call's end leave as well", async () => {
    const flights = createFlightControl<string>();
    const [first, second] = [new AbortController(), new AbortController()];
    const never = (): Promise<string> => new Promise(() => {});
    const one = flights.do("foo", never, { signal: first.signal });
    await settle();
    first.abort(new Error("first"));
    await expect(one).rejects.toThrow("first");
    const two = flights.do("foo", never, { signal: second.signal });
    await settle();
    second.abort(new Error("second"));
    await expect(two).rejects.toThrow("second");
  });

  it("does not begin for a caller that has cancelled before", async () => {
    const flights = createFlightControl<string>();
    const { work, runs } = controlledWork("bar");
    await expect(flights.do("foo", work, { signal: AbortSignal.abort(new Error("before")) })).rejects.toThrow("before");
    expect(runs()).toBe(0);
  });

  it("tells a late joiner the progress so far, then what follows", async () => {
    const flights = createFlightControl<string>();
    const { work, finish, report } = controlledWork("bar");
    const early: ProgressEvent[] = [];
    const late: ProgressEvent[] = [];
    const one = flights.do("foo", work, { onProgress: (event) => early.push(event) });
    await settle();
    report(started);
    report(running(1));
    report(running(2));
    const two = flights.do("foo", work, { onProgress: (event) => late.push(event) });
    expect(late).toEqual([started, running(2)]);
    report(running(3));
    finish();
    await Promise.all([one, two]);
    expect(early).toEqual([started, running(1), running(2), running(3)]);
    expect(late).toEqual([started, running(2), running(3)]);
  });

  it("tells nothing more to a caller that has left", async () => {
    const flights = createFlightControl<string>();
    const { work, finish, report } = controlledWork("bar");
    const caller = new AbortController();
    const heard: ProgressEvent[] = [];
    const leaves = flights.do("foo", work, { signal: caller.signal, onProgress: (event) => heard.push(event) });
    const stays = flights.do("foo", work);
    await settle();
    report(started);
    caller.abort(new Error("left"));
    await expect(leaves).rejects.toThrow("left");
    report(running(1));
    finish();
    await stays;
    expect(heard).toEqual([started]);
  });

  it("hears progress that the work reports before it first waits", async () => {
    const flights = createFlightControl<string>();
    const heard: ProgressEvent[] = [];
    const work = async ({ onProgress }: SharedOperation): Promise<string> => {
      onProgress(started);
      return "bar";
    };
    await flights.do("foo", work, { onProgress: (event) => heard.push(event) });
    expect(heard).toEqual([started]);
  });

  it("never runs the same key twice at a time, whoever comes and goes", async () => {
    const flights = createFlightControl<number>();
    let inside = 0;
    let most = 0;
    let runs = 0;
    const work = async ({ signal }: SharedOperation): Promise<number> => {
      most = Math.max(most, ++inside);
      runs++;
      await settle();
      inside--;
      signal.throwIfAborted();
      return runs;
    };
    const calls = Array.from({ length: 300 }, async (_, i) => {
      for (let wait = i % 7; wait > 0; wait--) await settle();
      const caller = new AbortController();
      const call = flights.do("foo", work, { signal: caller.signal });
      if (i % 3 === 0) queueMicrotask(() => caller.abort(new Error("left")));
      return call;
    });
    const results = await Promise.allSettled(calls);
    expect(most).toBe(1);
    for (const [i, result] of results.entries()) {
      expect(result.status).toBe(i % 3 === 0 ? "rejected" : "fulfilled");
    }
  });
});
