import { stripVTControlCharacters } from "node:util";
import { describe, expect, it } from "vitest";
import { displayWidth, formatBytes, formatSeconds, printable, truncate } from "../../src/cli/format.ts";
import { Interruption } from "../../src/cli/interrupt.ts";
import { createDisplay, type ProgressMode } from "../../src/cli/progress/display.ts";
import type { ProgressEvent } from "../../src/progress.ts";

/** A stream and a clock, and what was shown. */
async function show(
  mode: ProgressMode,
  options: { isTTY?: boolean; columns?: number; env?: Record<string, string> } = {},
) {
  let output = "";
  let seconds = 0;
  const stream = {
    isTTY: options.isTTY ?? false,
    columns: options.columns ?? 80,
    rows: 24,
    write: (text: string) => {
      output += text;
      return true;
    },
  };
  const display = await createDisplay(mode, stream, options.env ?? {}, "Building x", () => seconds);
  return {
    display,
    tell: (event: Partial<ProgressEvent> & { id: string }, after = 0) => {
      seconds += after;
      display.onProgress({ name: event.id, state: "running", ...event });
    },
    output: () => output,
  };
}

const layer = { id: "layer 1", parent: "exporting layers", name: "exporting layer 1/1" };

describe("plain progress", () => {
  it("numbers steps and gives their parts, bytes and times", async () => {
    const { tell, output } = await show("plain");
    tell({ id: "reading x", state: "started" });
    tell({ id: "reading x", state: "completed", current: 1200 }, 0.12);
    tell({ id: "exporting layers", state: "started" });
    tell({ ...layer, state: "started" });
    tell({ ...layer, current: 10_000_000, total: 100_000_000 }, 0.5);
    tell({ ...layer, current: 50_000_000, total: 100_000_000 }, 1);
    tell({ ...layer, state: "completed", current: 100_000_000, total: 100_000_000 }, 1);
    tell({ id: "exporting layers", state: "completed" });
    expect(output()).toBe(`#1 reading x
#1 DONE 0.1s

#2 exporting layers
#2 exporting layer 1/1 50.0 MB / 100 MB 40.0 MB/s 1.5s
#2 exporting layer 1/1 100 MB 45.0 MB/s 2.5s done
#2 DONE 2.5s
`);
  });

  it("tells what was cached, what failed and what was stopped", async () => {
    const { tell, output } = await show("plain");
    tell({ id: "a", state: "started" });
    tell({ id: "a", state: "completed", cached: true });
    tell({ id: "b", state: "started" });
    tell({ id: "b", state: "failed", error: new Error("no\nspace") });
    tell({ id: "c", state: "started" });
    tell({ id: "c", state: "failed", error: new Interruption("SIGINT", 130) });
    expect(output()).toBe("#1 a\n#1 CACHED\n\n#2 b\n#2 ERROR: no\\x0aspace\n\n#3 c\n#3 CANCELED\n");
  });

  it("says which step it turns to where several run", async () => {
    const { tell, output } = await show("plain");
    tell({ id: "a", state: "started" });
    tell({ id: "b", state: "started" });
    tell({ id: "a", state: "completed" });
    expect(output()).toBe("#1 a\n#1 ...\n\n#2 b\n#2 ...\n\n#1 a\n#1 DONE 0.0s\n");
  });

  it("speaks of a silent step after five seconds, and not of every byte", async () => {
    const { tell, output } = await show("plain");
    tell({ id: "a", state: "started" });
    for (let i = 1; i <= 60; i++) tell({ id: "a", current: i }, 0.125);
    expect(output()).toBe("#1 a\n#1 40 B 5.0s\n");
  });
});

describe("what is good to know", () => {
  it.each<[ProgressMode, string]>([
    ["plain", "note: look\\x0ahere\n"],
    ["rawjson", '{"time":0,"note":"look\\nhere"}\n'],
    ["quiet", ""],
  ])("in %s progress", async (mode, text) => {
    const { display, output } = await show(mode);
    display.note("look\nhere");
    expect(output()).toBe(text);
  });
});

describe("raw JSON progress", () => {
  it("is one object per line, with time and error", async () => {
    const { tell, display, output } = await show("rawjson");
    tell({ id: "a", state: "started" }, 1);
    tell({ id: "a", state: "failed", error: new Error("why") }, 0.5);
    display.warn("careful");
    expect(
      output()
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toEqual([
      { time: 1, id: "a", name: "a", state: "started" },
      { time: 1.5, id: "a", name: "a", state: "failed", error: "why" },
      { time: 1.5, warning: "careful" },
    ]);
  });
});

describe("progress on a terminal", () => {
  const last = (output: string): string[] => output.slice(output.lastIndexOf("[+]")).trimEnd().split("\n");

  it("has a line for each step and keeps to the width", async () => {
    for (const columns of [80, 40]) {
      const { tell, display, output } = await show("tty", { isTTY: true, columns, env: { NO_COLOR: "1" } });
      tell({ id: "exporting layers", state: "started" });
      tell({ ...layer, state: "started", name: `exporting layer 1/1 of 名前 ${"long ".repeat(30)}` });
      tell({ ...layer, name: `exporting layer 1/1 of 名前 ${"long ".repeat(30)}`, current: 64e6, total: 120e6 }, 2);
      display.end();
      const lines = last(stripVTControlCharacters(output()));
      expect(lines).toHaveLength(3);
      for (const line of lines) expect(displayWidth(line)).toBeLessThan(columns);
      if (columns === 80)
        expect(lines[2]).toMatch(/exporting layer 1\/1 of 名前.*… 64\.0 MB \/ 120 MB {2}32\.0 MB\/s {3}2\.0s$/);
    }
  });

  it("tells the rate of the moment, and of the whole at the end", async () => {
    const { tell, display, output } = await show("tty", { isTTY: true, env: { NO_COLOR: "1" } });
    const rate = (): string | undefined => / ([\d.]+ [kM]B\/s)/.exec(last(output()).join("\n"))?.[1];
    tell({ id: "pushing blob", state: "started" });
    for (let second = 1; second <= 10; second++) tell({ id: "pushing blob", current: second * 1e6, total: 100e6 }, 1);
    expect(rate()).toBe("1.0 MB/s");
    for (let second = 1; second <= 10; second++) tell({ id: "pushing blob", current: 10e6 + second * 9e6 }, 1);
    expect(rate()).toBe("9.0 MB/s");
    tell({ id: "pushing blob", state: "completed", current: 100e6 });
    display.end();
    expect(rate()).toBe("5.0 MB/s");
  });

  it("counts for no rate what was there when an upload is gone on with", async () => {
    const { tell, display, output } = await show("tty", { isTTY: true, env: { NO_COLOR: "1" } });
    tell({ id: "pushing blob", state: "started" });
    tell({ id: "pushing blob", current: 500e6, total: 510e6 }, 0.1);
    tell({ id: "pushing blob", state: "completed", current: 510e6 }, 10);
    display.end();
    expect(last(output())[1]).toMatch(/510 MB {2}1\.0 MB\/s/);
  });

  it("shows a part that says the same as the whole only once, and that parts stopped with the whole", async () => {
    const { tell, display, output } = await show("tty", { isTTY: true, env: { NO_COLOR: "1" } });
    tell({ id: "push", name: "pushing x", state: "started" });
    tell({ id: "push of x", parent: "push", name: "pushing x", state: "started" });
    tell({ id: "blob", parent: "push of x", name: "pushing blob", state: "started" });
    tell({ id: "push", name: "pushing x", state: "failed", error: new Interruption("SIGINT", 130) }, 2);
    tell({ id: "later", state: "started" }, 5);
    display.end();
    const [, whole, part, ...others] = last(output());
    expect([whole, part]).toEqual([
      expect.stringMatching(/^ ✗ pushing x .* 2\.0s$/),
      expect.stringMatching(/^ {3}✗ pushing blob .* 2\.0s$/),
    ]);
    expect(others).toHaveLength(1);
  });

  it("has colours unless NO_COLOR is set, and says what was cached", async () => {
    for (const env of [{}, { NO_COLOR: "1" }]) {
      const { tell, display, output } = await show("tty", { isTTY: true, env });
      tell({ id: "a", state: "started" });
      tell({ id: "a", state: "completed", cached: true }, 1);
      display.end();
      expect(output().includes("\u001b[32m✓")).toBe(!("NO_COLOR" in env));
      expect(output()).toContain("cached");
    }
  });

  it("is chosen on a terminal only, and not on a dumb one", async () => {
    const isPlain = async (options: Parameters<typeof show>[1]): Promise<boolean> => {
      const { tell, display, output } = await show("auto", options);
      tell({ id: "a", state: "started" });
      display.end();
      return output().includes("#1 ");
    };
    expect(await isPlain({ isTTY: true })).toBe(false);
    expect(await isPlain({ isTTY: false })).toBe(true);
    expect(await isPlain({ isTTY: true, env: { TERM: "dumb" } })).toBe(true);
  });

  it("lets steps that are over give way where there are too many", async () => {
    const { tell, output } = await show("tty", { isTTY: true, env: { NO_COLOR: "1" } });
    for (let i = 0; i < 50; i++) {
      tell({ id: `step ${i}`, state: "started" }, 1);
      if (i % 2 === 0) tell({ id: `step ${i}`, state: "completed" }, 1);
    }
    const lines = last(stripVTControlCharacters(output()));
    expect(lines.length).toBeLessThanOrEqual(24);
    expect(lines.join("\n")).not.toContain("✓");
  });
});

describe("numbers and texts for people", () => {
  it.each([
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1.0 kB"],
    [99_949, "99.9 kB"],
    [99_950, "100 kB"],
    [999_499, "999 kB"],
    [999_500, "1.0 MB"],
    [1.5e9, "1.5 GB"],
  ])("%d bytes are %s", (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  it("times", () => {
    expect([0, 59.94, 59.96, 125].map(formatSeconds)).toEqual(["0.0s", "59.9s", "1m00s", "2m05s"]);
  });

  it("nothing that a foreign name holds reaches the terminal", () => {
    expect(printable("a\u001b[31mb\r\nc\u202e\udcff")).toBe("a\\x1b[31mb\\x0d\\x0ac\\u202e\\xff");
    expect(printable("é 名 🚀")).toBe("é 名 🚀");
  });

  it("cuts by cells", () => {
    expect(truncate("名前名前", 5)).toBe("名前…");
    expect(truncate("abc", 3)).toBe("abc");
    expect(truncate("abcd", 3)).toBe("ab…");
  });
});
