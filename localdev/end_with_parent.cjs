// Loaded into Azurite before its own program (node --require): ends it when whoever started it is gone.
// Its standard input is a pipe that the parent holds open and never writes to; the kernel closes the parent's end
// however the parent dies, kill -9 included. SIGTERM lets Azurite save its tables first.
process.stdin.on("end", () => process.kill(process.pid, "SIGTERM"));
process.stdin.resume();
process.stdin.unref(); // waiting for the parent must not keep a finished Azurite alive
