import { assert, type ConformanceCase } from "../../../src/conformance.ts";

/** The smallest WebAssembly module: magic and version. */
const EMPTY_MODULE = Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0);

/** All else in a page is tested under `default-src 'self'`: these tell whether that is really in force. */
export const policy: readonly ConformanceCase[] = [
  {
    name: "compiles no text",
    async run() {
      assertThrows(() => new Function("return 1"), "new Function");
      const timer = (): unknown => Reflect.apply(setTimeout, globalThis, ["globalThis.ranTimer = true", 0]);
      // Refused silently in some engines, with an error in others.
      try {
        timer();
      } catch {
        // It is what must hold.
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
      assert(!("ranTimer" in globalThis), "a timer ran a text");
    },
  },
  {
    name: "runs no WebAssembly",
    async run() {
      const refused = await WebAssembly.instantiate(EMPTY_MODULE).then(
        () => false,
        () => true,
      );
      assert(refused, "WebAssembly was compiled");
    },
  },
  {
    name: "fetches nothing from elsewhere and runs no script from a text",
    async run() {
      const violations: string[] = [];
      const note = ({ effectiveDirective }: SecurityPolicyViolationEvent): void => {
        violations.push(effectiveDirective);
      };
      document.addEventListener("securitypolicyviolation", note);
      const refused = await fetch(`http://localhost:${location.port}/`).then(
        () => false,
        () => true,
      );
      const script = document.createElement("script");
      script.textContent = "globalThis.ranInline = true;";
      document.head.append(script);
      // The events come in a task of their own.
      await new Promise((resolve) => setTimeout(resolve, 100));
      document.removeEventListener("securitypolicyviolation", note);
      assert(refused, "another origin was asked");
      assert(!("ranInline" in globalThis), "a script was run from a text");
      // More may come of what was refused before.
      for (const directive of ["connect-src", "script-src-elem"]) {
        assert(violations.includes(directive), `the policy refused only ${violations.join(", ")}, not ${directive}`);
      }
    },
  },
];

function assertThrows(work: () => unknown, what: string): void {
  try {
    work();
  } catch {
    return;
  }
  throw new Error(`${what} was allowed`);
}
