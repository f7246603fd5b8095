import { describe, expect, it } from "vitest";
import { memory } from "./engines/memory.ts";
import { explore, FoundError, replay } from "./explore.ts";
import { MUTATIONS } from "./mutations.ts";
import { tryOf } from "./scenario.ts";
import { exclusive, installNames, runSchedule, StuckError, step } from "./scheduler.ts";

installNames();

describe("what tries all schedules finds", () => {
  it.each(MUTATIONS)("$name", async (scenario) => {
    const attempt = tryOf(memory, scenario);
    const found = await explore(attempt, { preemptions: 2, most: 5000 }).catch((error: unknown) => error);
    expect(found).toBeInstanceOf(FoundError);
    const { schedule, message } = found as FoundError;
    console.log(`  ${scenario.name}: ${message}`);
    // The same once more.
    await expect(replay(attempt, schedule)).rejects.toThrow(message);
  });
});

describe("the scheduler", () => {
  const first = { choose: ({ able }: { readonly able: readonly number[] }) => ({ actor: able[0] ?? 0 }) };

  it("tells when all wait for each other", async () => {
    const never: Promise<void> = new Promise(() => undefined);
    const waits = () => exclusive("lock", () => never);
    await expect(runSchedule([waits, waits], { chooser: first })).rejects.toThrow(StuckError);
  });

  it("tells when somebody never ends", async () => {
    const turns = async (): Promise<void> => {
      for (;;) await step("turn");
    };
    await expect(runSchedule([turns], { chooser: first, limit: 100 })).rejects.toThrow("100 steps were taken");
  });
});
