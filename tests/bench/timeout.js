// node's vm with a time limit, driven by lines on stdin: "<limit ms> <code>".
// Answers how long each took in seconds.
"use strict";
const vm = require("vm");

require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
	const space = line.indexOf(" ");
	const begun = process.hrtime.bigint();
	let ended = "by itself";
	try {
		vm.runInNewContext(line.slice(space + 1), {}, { timeout: Number(line.slice(0, space)) });
	} catch (error) {
		ended = error.code || String(error);
	}
	console.log(JSON.stringify({ took: Number(process.hrtime.bigint() - begun) / 1e9, ended }));
});
