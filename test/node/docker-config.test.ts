import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { dockerCredentials } from "../../src/node/index.ts";
import type { RegistryCredentials } from "../../src/registry/index.ts";
import { BUN, DENO } from "../engines/processes.ts";
import { run } from "../support/processes.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const HUB = "https://index.docker.io/v1/";
const SECRET = "s3cr3t:with:colons";
const base64 = (text: string): string => Buffer.from(text).toString("base64");
const AUTH = { auth: base64(`user:${SECRET}`) };
const USER: RegistryCredentials = { username: "user", password: SECRET };

let home: string;
let env: Record<string, string>;
beforeEach(() => {
  home = temporaryDirectory();
  mkdirSync(join(home, "bin"));
  env = { HOME: home, PATH: `${join(home, "bin")}:/usr/bin:/bin` };
});

const write = (file: string, content: unknown): string => {
  const path = join(home, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
};
const config = (content: unknown): string => write(".docker/config.json", content);

/** A program `docker-credential-NAME`; `$server` is what it was asked for. */
const helper = (name: string, script: string): void => {
  const file = write(
    `bin/docker-credential-${name}`,
    `#!/bin/sh\nread -r server\necho "$1 $server" >>${join(home, "asked")}\n${script}\n`,
  );
  chmodSync(file, 0o755);
};
const answering = (username: string, secret: string): string =>
  `echo '${JSON.stringify({ ServerURL: "x", Username: username, Secret: secret })}'`;
const asked = (): readonly string[] => readFileSync(join(home, "asked"), "utf8").trim().split("\n");

const find = async (registry: string, options = {}): Promise<RegistryCredentials | undefined> =>
  await dockerCredentials({ env, ...options })(registry, {});

/** How it fails; without any secret in it, or in what caused it. */
async function failureOf(registry: string, options = {}): Promise<{ code: string; message: string }> {
  const error = await find(registry, options).then(
    (found) => Promise.reject(new Error(`found ${JSON.stringify(found)}`)),
    (thrown: Error & { code: string }) => thrown,
  );
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    for (const secret of [SECRET, "s3cr3t", AUTH.auth]) expect(at.message).not.toContain(secret);
  }
  return { code: error.code, message: error.message };
}

describe("credentials in Docker's config", () => {
  it("are none where there is no config", async () => {
    expect(await find("ghcr.io")).toBeUndefined();
  });

  it.each([
    ["docker.io", HUB],
    ["docker.io", "docker.io"],
    ["docker.io", "index.docker.io"],
    ["ghcr.io", "ghcr.io"],
    ["ghcr.io", "https://ghcr.io"],
    ["ghcr.io", "https://ghcr.io/v1/"],
    ["ghcr.io", "https://ghcr.io/v2/"],
    ["localhost:5000", "localhost:5000"],
    ["localhost:5000", "http://localhost:5000/v2/"],
  ])("for %s stand under %s", async (registry, key) => {
    config({ auths: { "example.com": { auth: base64("other:x") }, [key]: AUTH } });
    expect(await find(registry)).toEqual(USER);
  });

  it.each([
    ["ghcr.io", "https://ghcr.io.evil.example/"],
    ["localhost:5000", "localhost"],
    ["localhost", "localhost:5000"],
    ["quay.io", "quay.io/team"],
    ["docker.io", `${HUB}access-token`],
    ["hub.docker.com", HUB],
  ])("for %s are not those under %s", async (registry, key) => {
    config({ auths: { [key]: AUTH } });
    expect(await find(registry)).toBeUndefined();
  });

  it("prefer the spelling of references", async () => {
    config({ auths: { "https://ghcr.io/v1/": { auth: base64("old:x") }, "ghcr.io": AUTH } });
    expect(await find("ghcr.io")).toEqual(USER);
  });

  it.each([
    [AUTH, USER],
    [{ auth: base64("ünïcode:pässwörd") }, { username: "ünïcode", password: "pässwörd" }],
    [{ auth: base64("user:") }, { username: "user", password: "" }],
    [{ auth: base64("user:x\0\0") }, { username: "user", password: "x" }],
    [{ username: "user", password: SECRET }, USER],
    [{ identitytoken: "refresh", auth: base64("user:") }, { identityToken: "refresh" }],
    [{ registrytoken: "bearer", identitytoken: "refresh" }, { registryToken: "bearer" }],
    [{}, undefined],
    [{ email: "a@b" }, undefined],
  ])("may be %j", async (entry, expected) => {
    config({ auths: { "ghcr.io": entry } });
    expect(await find("ghcr.io")).toEqual(expected);
  });

  it("are looked for in $DOCKER_CONFIG instead of the home", async () => {
    config({ auths: { "ghcr.io": { auth: base64("home:x") } } });
    write("elsewhere/config.json", { auths: { "ghcr.io": AUTH } });
    env.DOCKER_CONFIG = join(home, "elsewhere");
    expect(await find("ghcr.io")).toEqual(USER);
  });

  it("are looked for in podman's files where Docker's has none", async () => {
    config({ auths: { "ghcr.io": { auth: base64("docker:x") } } });
    const auth = { auths: { "ghcr.io": { auth: base64("podman:x") }, "quay.io": AUTH, "quay.io/team": { auth: "?" } } };
    write("run/containers/auth.json", auth);
    env.XDG_RUNTIME_DIR = join(home, "run");
    expect(await find("ghcr.io")).toEqual({ username: "docker", password: "x" });
    expect(await find("quay.io")).toEqual(USER);
    env.REGISTRY_AUTH_FILE = write("mine.json", { auths: { "quay.io": { auth: base64("mine:x") } } });
    expect(await find("quay.io")).toEqual({ username: "mine", password: "x" });
  });

  it("may be in a file that the caller names, and in no other", async () => {
    config({ auths: { "ghcr.io": AUTH } });
    const file = write("ci.json", { auths: { "quay.io": AUTH } });
    expect(await find("quay.io", { file })).toEqual(USER);
    expect(await find("ghcr.io", { file })).toBeUndefined();
    const missing = join(home, "missing.json");
    expect(await failureOf("quay.io", { file: missing })).toEqual({
      code: "FAILED_PRECONDITION",
      message: `Cannot read the credentials for quay.io: ${missing} is not there`,
    });
  });

  it("are read when they are asked for, each time", async () => {
    const provider = dockerCredentials({ env });
    config({ auths: { "ghcr.io": { auth: base64("before:x") } } });
    expect(await provider("ghcr.io", {})).toEqual({ username: "before", password: "x" });
    config({ auths: { "ghcr.io": AUTH } });
    expect(await provider("ghcr.io", {})).toEqual(USER);
  });

  it.each([
    ["it is not valid JSON", `{ "auths": { "ghcr.io": { "auth": "${AUTH.auth}" }`],
    ["it is not valid JSON", ""],
    ["it is not an object", "[]"],
    ["auths is not an object", { auths: [AUTH] }],
    ["credHelpers is not an object", { credHelpers: "pass" }],
    ['auths of "ghcr.io" is not an object', { auths: { "ghcr.io": AUTH.auth } }],
    ['auth in auths of "ghcr.io" is not a string', { auths: { "ghcr.io": { auth: 1 } } }],
    ['auth in auths of "ghcr.io" is not the base64 of USER:PASSWORD', { auths: { "ghcr.io": { auth: "s3cr3t!" } } }],
    [
      'auth in auths of "ghcr.io" is not the base64 of USER:PASSWORD',
      { auths: { "ghcr.io": { auth: base64("s3cr3t") } } },
    ],
    ["credsStore is not the name of a credential helper (letters, digits, - and _)", { credsStore: "../evil" }],
    ["credsStore is not the name of a credential helper (letters, digits, - and _)", { credsStore: 1 }],
    [
      'credHelpers of "ghcr.io" is not the name of a credential helper (letters, digits, - and _)',
      { credHelpers: { "ghcr.io": "a b" } },
    ],
  ])("are refused where %s", async (reason, content) => {
    const file = config(content);
    expect(await failureOf("ghcr.io")).toEqual({
      code: "INVALID_DOCUMENT",
      message: `Cannot use the Docker config ${file}: ${reason}`,
    });
  });

  it("do not make a file endless, or a directory a file", async () => {
    const file = config(`{ "auths": {} ${" ".repeat(5 * 1024 * 1024)} }`);
    expect(await failureOf("ghcr.io")).toMatchObject({
      code: "INVALID_DOCUMENT",
      message: expect.stringContaining(file),
    });
    expect(await failureOf("ghcr.io", { file: "/dev/zero" })).toMatchObject({ code: "UNSUPPORTED" });
  });

  it("of other registries may be broken", async () => {
    config({ auths: { "ghcr.io": AUTH, "quay.io": { auth: "broken" } }, credHelpers: { "quay.io": "../x" } });
    expect(await find("ghcr.io")).toEqual(USER);
  });

  it("are not looked for once the signal is aborted", async () => {
    config("broken");
    await expect(dockerCredentials({ env })("ghcr.io", { signal: AbortSignal.abort("enough") })).rejects.toBe("enough");
  });
});

describe("a credential helper", () => {
  it("is asked by `get` for the server as docker login calls it", async () => {
    config({ credsStore: "store" });
    helper("store", answering("user", SECRET));
    expect(await find("docker.io")).toEqual(USER);
    expect(await find("localhost:5000")).toEqual(USER);
    expect(asked()).toEqual([`get ${HUB}`, "get localhost:5000"]);
  });

  it("of a registry goes before the one for all, and may be switched off", async () => {
    config({
      credHelpers: { "ghcr.io": "own_1", "quay.io": "" },
      credsStore: "store",
      auths: { "quay.io": { auth: base64("file:x") } },
    });
    helper("store", answering("store", "x"));
    helper("own_1", answering("own", "x"));
    expect(await find("ghcr.io")).toEqual({ username: "own", password: "x" });
    expect(await find("example.com")).toEqual({ username: "store", password: "x" });
    expect(await find("quay.io")).toEqual({ username: "file", password: "x" });
  });

  it("may have an identity token", async () => {
    config({ credsStore: "store" });
    helper("store", answering("<token>", "refresh"));
    expect(await find("ghcr.io")).toEqual({ identityToken: "refresh" });
  });

  it("that knows nothing is asked in the older spelling, and then the file", async () => {
    config({ credsStore: "store", auths: { "https://ghcr.io/v1/": {}, "quay.io": AUTH } });
    const none = "echo 'credentials not found in native keychain'; exit 1";
    helper("store", `case $server in https://ghcr.io/v1/) ${answering("old", "x")};; *) ${none};; esac`);
    expect(await find("ghcr.io")).toEqual({ username: "old", password: "x" });
    expect(await find("quay.io")).toEqual(USER);
    expect(await find("example.com")).toBeUndefined();
  });

  it("that is not installed is named, with the file that wants it", async () => {
    const file = config({ credsStore: "missing", auths: { "ghcr.io": AUTH } });
    expect(await failureOf("ghcr.io")).toEqual({
      code: "FAILED_PRECONDITION",
      message: `Cannot get the credentials for ghcr.io: the credential helper docker-credential-missing is not installed; install it, or take it out of ${file} and log in again`,
    });
  });

  it.each([
    ["says why", "echo 'the keychain is locked' >&2; exit 3", "IO", "failed: the keychain is locked"],
    ["says why on stdout", "echo 'exit status 2: gpg failed'; exit 1", "IO", "failed: exit status 2: gpg failed"],
    ["says nothing", "exit 7", "IO", "failed with exit status 7"],
    ["says too much", `${answering("user", SECRET)}; exit 1`, "IO", "failed with exit status 1"],
    ["does not answer JSON", `echo ${SECRET}`, "INVALID_DOCUMENT", "answered something that is not JSON"],
    [
      "answers something else",
      `echo '{"Secret":["s3cr3t"]}'`,
      "INVALID_DOCUMENT",
      "answered without Username and Secret",
    ],
    [
      "does not end its answer",
      "head -c 300000 /dev/zero | tr '\\0' ' '",
      "INVALID_DOCUMENT",
      "answered more than 262144 bytes",
    ],
  ])("that %s", async (_, script, code, reason) => {
    config({ credsStore: "bad" });
    helper("bad", script);
    expect(await failureOf("ghcr.io")).toEqual({
      code,
      message: `Cannot get the credentials for ghcr.io: the credential helper docker-credential-bad ${reason}`,
    });
  });

  it("that is not executable", async () => {
    config({ credsStore: "plain" });
    write("bin/docker-credential-plain", "not a program");
    expect(await failureOf("ghcr.io")).toMatchObject({
      code: "PERMISSION_DENIED",
      message: expect.stringContaining("docker-credential-plain"),
    });
  });

  it("that does not answer is given up after the time it has", async () => {
    config({ credsStore: "slow" });
    helper("slow", "exec sleep 600");
    expect(await failureOf("ghcr.io", { timeout: 0.2 })).toEqual({
      code: "IO",
      message:
        "Cannot get the credentials for ghcr.io: the credential helper docker-credential-slow did not answer within 0.2 seconds",
    });
    expect(() => dockerCredentials({ timeout: 0 })).toThrow("Cannot wait 0 seconds");
  });

  it("is not waited for once the signal is aborted, even where what it started goes on", async () => {
    config({ credsStore: "slow" });
    helper("slow", `sleep 5 & echo $$ >${join(home, "pid")}; wait`);
    const controller = new AbortController();
    const found = Promise.resolve(dockerCredentials({ env })("ghcr.io", { signal: controller.signal }));
    const poll = setInterval(() => {
      try {
        if (readFileSync(join(home, "pid"), "utf8") !== "") controller.abort("enough");
      } catch {
        // It has not started yet.
      }
    }, 20);
    await expect(found).rejects.toBe("enough");
    clearInterval(poll);
  });
});

describe("in other runtimes", () => {
  const script = join(import.meta.dirname, "docker-config-script.ts");
  const [deno = "", ...denoArgs] = DENO.filter((argument) => argument !== "--allow-all");
  const environment = () => ({
    ...process.env,
    ...env,
    DOCKER_CONFIG: join(home, ".docker"),
    XDG_RUNTIME_DIR: "/run/x",
  });
  const outcome = async (command: readonly string[]): Promise<unknown> => {
    const [program = "", ...args] = command;
    const { stdout, stderr } = await run(program, args, { env: environment() });
    if (!stdout.startsWith("{")) throw new Error(stderr);
    return JSON.parse(stdout);
  };
  const inDeno = (permissions: readonly string[], registry: string) =>
    outcome([deno, ...denoArgs, "--no-prompt", ...permissions, script, "deno", registry]);

  it("Bun reads files and runs helpers", async () => {
    config({ auths: { "ghcr.io": AUTH }, credHelpers: { "quay.io": "store" } });
    helper("store", answering("user", SECRET));
    for (const registry of ["ghcr.io", "quay.io"]) {
      expect(await outcome([...BUN, script, "node", registry])).toEqual({ found: USER });
    }
  });

  it("Deno needs leave for the environment, the file and the helper, and nothing else", async () => {
    const file = config({ auths: { "ghcr.io": AUTH }, credHelpers: { "quay.io": "store" } });
    helper("store", answering("user", SECRET));
    const variables = "--allow-env=DOCKER_CONFIG,HOME";
    expect(await inDeno([variables, `--allow-read=${file}`], "ghcr.io")).toEqual({ found: USER });
    expect(await inDeno([variables, `--allow-read=${file}`, "--allow-run=docker-credential-store"], "quay.io")).toEqual(
      {
        found: USER,
      },
    );
    const denied = (doing: string, flags: string) => ({
      code: "PERMISSION_DENIED",
      message: `Cannot ${doing}: Deno was not given permission; run it with ${flags}`,
    });
    const reading = "read the credentials of docker login for quay.io";
    expect(await inDeno([], "quay.io")).toEqual(denied(reading, "--allow-env=DOCKER_CONFIG --allow-env=HOME"));
    expect(await inDeno([variables], "quay.io")).toEqual(denied(reading, `--allow-read=${file}`));
    expect(await inDeno([variables, `--allow-read=${file}`], "quay.io")).toEqual(
      denied("get the credentials for quay.io", "--allow-run=docker-credential-store"),
    );
  });

  it("Deno with all permissions takes Node's as well", async () => {
    config({ auths: { "ghcr.io": AUTH }, credHelpers: { "quay.io": "store", "gcr.io": "missing" } });
    helper("store", answering("user", SECRET));
    for (const edge of ["node", "deno"]) {
      for (const registry of ["ghcr.io", "quay.io"]) {
        expect(await outcome([deno, ...denoArgs, "--allow-all", script, edge, registry])).toEqual({ found: USER });
      }
      expect(await outcome([deno, ...denoArgs, "--allow-all", script, edge, "gcr.io"])).toMatchObject({
        code: "FAILED_PRECONDITION",
      });
    }
  });
});
