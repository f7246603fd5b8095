import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isPortableXattr } from "../../src/frontend/sources/xattrs.ts";
import { addDirectory } from "../../src/node/directory-source.ts";
import { readXattrs } from "../../src/node/xattrs.ts";
import { nodes, workbench } from "../diff/support.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { itWith } from "../support/tools.ts";

const TOOLS = ["getfattr", "setfattr"];
const hex = (value: string): Uint8Array => new Uint8Array(Buffer.from(value, "hex"));

function set(path: string, name: string, value: string): void {
  execFileSync("setfattr", ["-h", "-n", name, "-v", `0x${value}`, "--", path]);
}

const fresh = (): string => realpathSync(temporaryDirectory());

describe("extended attributes", () => {
  itWith(TOOLS, "are read of a whole tree, by relative path, as raw bytes", async () => {
    const home = fresh();
    mkdirSync(join(home, "d/e"), { recursive: true });
    writeFileSync(join(home, "d/f"), "");
    writeFileSync(join(home, "none"), "");
    symlinkSync("d", join(home, "link"));
    set(home, "user.root", "72");
    set(join(home, "d"), "user.dir", "00ff0a3d22");
    set(join(home, "d/f"), "user.b", "62");
    set(join(home, "d/f"), "user.a", "");
    expect(await readXattrs(home)).toEqual(
      new Map([
        ["", new Map([["user.root", hex("72")]])],
        ["d", new Map([["user.dir", hex("00ff0a3d22")]])],
        ["d/f", new Map(Object.entries({ "user.a": hex(""), "user.b": hex("62") }))],
      ]),
    );
  });

  itWith(TOOLS, "are read whatever characters names have", async () => {
    const home = fresh();
    const names = [
      "sp ace",
      "new\nline",
      "back\\slash",
      "octal\\012",
      "eq=0x",
      "# file: x",
      "Ünïcödé",
      "cr\r",
      "-n",
      "tab\t",
    ];
    for (const name of names) {
      writeFileSync(join(home, name), "");
      set(join(home, name), "user.we ird=\\\n", "01");
    }
    const found = await readXattrs(home);
    expect([...found.keys()].sort()).toEqual([...names].sort());
    for (const attributes of found.values()) expect([...attributes.keys()]).toEqual(["user.we ird=\\\n"]);
  });

  itWith(TOOLS, "can be large", async () => {
    const home = fresh();
    writeFileSync(join(home, "f"), "");
    const value = "a5".repeat(3000);
    set(join(home, "f"), "user.large", value);
    expect((await readXattrs(home)).get("f")?.get("user.large")).toEqual(hex(value));
  });

  itWith(TOOLS, "are those that mean something elsewhere, or those that are asked for", async () => {
    const home = fresh();
    writeFileSync(join(home, "f"), "");
    set(join(home, "f"), "user.keep", "01");
    set(join(home, "f"), "user.drop", "02");
    const filter = (name: string) => name !== "user.drop";
    expect([...((await readXattrs(home, { filter })).get("f")?.keys() ?? [])]).toEqual(["user.keep"]);
    expect(["user.a", "security.capability", "trusted.x"].map(isPortableXattr)).toEqual([true, true, true]);
    const local = ["security.selinux", "system.posix_acl_access", "trusted.overlay.opaque"];
    expect(local.map(isPortableXattr)).toEqual([false, false, false]);
  });

  itWith(TOOLS, "come into the snapshot with the directory, unless they are not wanted", async () => {
    const home = fresh();
    mkdirSync(join(home, "d"));
    writeFileSync(join(home, "d/f"), "");
    set(join(home, "d/f"), "user.a", "01");
    set(join(home, "d"), "user.b", "02");
    const read = async (options: Parameters<typeof addDirectory>[2]) =>
      nodes((await workbench().make(async (work) => void (await addDirectory(work, home, options)))).tree);
    const all = await read({});
    expect(all.get("/d/f")?.xattrs).toEqual(new Map([["user.a", hex("01")]]));
    expect(all.get("/d")?.xattrs).toEqual(new Map([["user.b", hex("02")]]));
    expect((await read({ xattrs: false })).get("/d/f")?.xattrs).toBeUndefined();
    const some = await read({ xattrs: (name) => name === "user.b" });
    expect([some.get("/d")?.xattrs?.size, some.get("/d/f")?.xattrs?.size]).toEqual([1, undefined]);
  });

  it("are not read, with a warning that tells how to, where the program is missing or may not be run", async () => {
    const home = fresh();
    const forbidden = join(home, "forbidden");
    writeFileSync(forbidden, "");
    chmodSync(forbidden, 0o644);
    for (const [program, why] of [
      [join(home, "no-such-program"), /is not installed/],
      [forbidden, /may not be run/],
    ] as const) {
      const warnings: string[] = [];
      const found = await readXattrs(home, { program, onWarning: (message) => warnings.push(message) });
      expect(found.size).toBe(0);
      expect(warnings).toHaveLength(1);
      expect(warnings[0]).toMatch(why);
      expect(warnings[0]).toMatch(/were not read.*install getfattr/);
    }
  });

  it("are told to be incomplete where the program fails", async () => {
    const home = fresh();
    const failing = join(home, "failing");
    writeFileSync(failing, "#!/bin/sh\necho '# file: /x/f'; echo user.a=0x01; echo 'f: no such thing' >&2; exit 1\n", {
      mode: 0o755,
    });
    const warnings: string[] = [];
    const found = await readXattrs("/x", { program: failing, onWarning: (message) => warnings.push(message) });
    expect(found.get("f")?.get("user.a")).toEqual(hex("01"));
    expect(warnings).toEqual(["some extended attributes could not be read: f: no such thing"]);
  });

  it("do not fill the memory where the program never ends a line", async () => {
    const home = fresh();
    const endless = join(home, "endless");
    writeFileSync(endless, "#!/bin/sh\nexec yes | tr -d '\\n'\n", { mode: 0o755 });
    await expect(readXattrs(home, { program: endless })).rejects.toMatchObject({ code: "IO" });
  });

  it("are given up on an abort", async () => {
    const home = fresh();
    const slow = join(home, "slow");
    writeFileSync(slow, "#!/bin/sh\nexec sleep 60\n", { mode: 0o755 });
    const controller = new AbortController();
    const reason = new Error("enough");
    const found = readXattrs(home, { program: slow, signal: controller.signal });
    controller.abort(reason);
    await expect(found).rejects.toBe(reason);
  });
});
