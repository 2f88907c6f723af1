// isolated-vm, driven by lines on stdin: "cycle N" makes, uses and disposes
// of N isolates one after the other; "hold N" keeps N more of them.
"use strict";
const ivm = require("isolated-vm");
const held = [];

function make() {
	const isolate = new ivm.Isolate({ memoryLimit: 128 });
	const context = isolate.createContextSync();
	const answer = isolate.compileScriptSync("1 + 1").runSync(context);
	if (answer !== 2)
		throw new Error("isolated-vm answered " + answer);
	return isolate;
}

function cycle(count) {
	const times = [];
	const before = process.cpuUsage();
	for (let i = 0; i < count; i++) {
		const begun = process.hrtime.bigint();
		make().dispose();
		times.push(Number(process.hrtime.bigint() - begun) / 1e9);
	}
	const used = process.cpuUsage(before);
	return { times, cpu: (used.user + used.system) / 1e6 };
}

const verbs = {
	cycle,
	hold(count) {
		for (let i = 0; i < count; i++)
			held.push(make());
		return { held: held.length };
	},
};

require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
	const [verb, count] = line.split(" ");
	console.log(JSON.stringify(verbs[verb](Number(count))));
});
