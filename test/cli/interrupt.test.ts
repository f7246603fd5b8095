import { type ChildProcessWithoutNullStreams, execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { listing, slipway, workspace } from "./support/slipway.ts";

const { path, temporary } = workspace();
const env = { TMPDIR: temporary, XDG_DATA_HOME: path("data") };

mkdirSync(path("large"));
for (let file = 0; file < 4; file++) {
  // Half of it compresses, so that it takes its time.
  const noise = Buffer.from(Array.from({ length: 1 << 16 }, (_, at) => ((at * 7919 + file) >> 3) & 0xff));
  writeFileSync(
    path(`large/${file}`),
    Buffer.concat(Array.from({ length: 400 }, (_, at) => Buffer.concat([noise, Buffer.from(String(at))]))),
  );
}
mkdirSync(path("small"));
writeFileSync(path("small/a"), "a\n");

/** Sends the signal as soon as the progress says that files are read, which are compressed meanwhile. */
const inTheLayer = (signal: NodeJS.Signals) => (child: ChildProcessWithoutNullStreams) => {
  let sent = false;
  let seen = "";
  child.stderr.on("data", (text) => {
    seen += text;
    if (sent || !/"id":"reading [^"]*"[^\n]*"current":[1-9]/.test(seen)) return;
    sent = true;
    child.kill(signal);
  });
};

describe("a build that is told to stop", () => {
  for (const [signal, status] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const) {
    it(`by ${signal} says so in one line, with status ${status}, and leaves nothing`, async () => {
      const outputs = [
        ["-o", "type=docker,dest=out/x.tar"],
        ["-t", "x", "-o", "type=oci,tar=false,dest=layout"],
        ["-t", "x"],
      ];
      for (const output of outputs) {
        const ended = await slipway(["build", "large", "--progress", "rawjson", ...output], {
          cwd: path(),
          env,
          started: inTheLayer(signal),
        });
        const lines = ended.stderr.trimEnd().split("\n");
        expect(lines.filter((line) => !line.startsWith("{"))).toEqual(["slipway: Cannot build: interrupted"]);
        expect(ended.status).toBe(status);
        expect(listing(temporary)).toEqual([]);
        expect(["out", "layout", "data"].filter((name) => existsSync(path(name)))).toEqual([]);
      }
    });
  }

  it("twice at once, as by a terminal and by npm, still cleans up", async () => {
    const stop = inTheLayer("SIGINT");
    const ended = await slipway(["build", "large", "--progress", "rawjson", "-o", "type=docker,dest=out/x.tar"], {
      cwd: path(),
      env,
      started: (child) => {
        const kill = child.kill.bind(child);
        child.kill = (signal) => {
          const sent = kill(signal);
          setTimeout(() => kill(signal), 2);
          return sent;
        };
        stop(child);
      },
    });
    expect(ended.status).toBe(130);
    expect(ended.stderr.trimEnd().split("\n").at(-1)).toBe("slipway: Cannot build: interrupted");
    expect([listing(temporary), existsSync(path("out"))]).toEqual([[], false]);
  });

  it("leaves what was in the store before as it was", async () => {
    const store = ["-o", "type=oci,tar=false,dest=kept"];
    expect((await slipway(["build", "small", "-t", "x", ...store], { cwd: path(), env })).status).toBe(0);
    const before = [listing(path("kept")), readFileSync(path("kept/index.json"), "utf8")];
    const args = ["build", "large", "-t", "x", "--progress", "rawjson", ...store];
    expect((await slipway(args, { cwd: path(), env, started: inTheLayer("SIGINT") })).status).toBe(130);
    expect([listing(path("kept")), readFileSync(path("kept/index.json"), "utf8")]).toEqual(before);
  });
});

describe("standard output", () => {
  it("ends in an error where a disk behind it is full", async () => {
    if (!existsSync("/dev/full")) return;
    const script = `"$@" >/dev/full`;
    let stderr = "";
    try {
      execFileSync(
        "sh",
        ["-c", script, "sh", process.execPath, "dist/cli/main.js", "build", path("small"), "-o", "type=oci,dest=-"],
        {
          stdio: ["ignore", "ignore", "pipe"],
        },
      );
    } catch (error) {
      stderr = String((error as { stderr?: Buffer }).stderr);
    }
    expect(stderr).toMatch(/slipway: Cannot write to stdout: .*\(NO_SPACE\)\n$/);
  });
});
