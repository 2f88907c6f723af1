// The live log of a workload: joins what the page was rendered with to the
// stream of events by their numbers, so that nothing is lost or doubled.
"use strict";

(() => {
	const log = document.getElementById("log");
	if (!log || !window.EventSource)
		return;
	const base = "/v1/workloads/" + encodeURIComponent(log.dataset.id);
	const state = document.getElementById("live-state");
	const button = document.getElementById("live-pause");
	const marks = { stderr: "err", system: "sys" };
	const ROWS_MAX = 20000;

	let last = Number(log.dataset.lastSeq) || 0;
	let open = log.dataset.open; // stream of a last line without its end
	let held = []; // lines that came while paused
	let paused = false;
	let filling = false;
	let ahead = []; // lines that came while a gap is being filled

	const cell = (name, text) => {
		const span = document.createElement("span");
		span.className = name;
		span.textContent = text;
		return span;
	};

	const show = (line) => {
		const follow = log.scrollHeight - log.scrollTop -
			log.clientHeight < 40;
		const row = log.lastElementChild;
		if (open === line.stream && row) {
			row.lastElementChild.append(line.text);
		} else {
			const div = document.createElement("div");
			div.className = "line line-" +
				(marks[line.stream] ? line.stream : "stdout");
			div.append(cell("t", line.t_ms.toFixed(1)),
				cell("s", marks[line.stream] || ""),
				cell("x", line.text));
			log.append(div);
			if (log.childElementCount > ROWS_MAX)
				log.firstElementChild.remove();
		}
		open = line.text.endsWith("\n") ? "" : line.stream;
		if (follow)
			log.scrollTop = log.scrollHeight;
	};

	const say = (text) => {
		if (state.textContent !== text)
			state.textContent = text;
	};

	const take = (line) => {
		if (line.seq <= last)
			return;
		last = line.seq;
		if (paused) {
			held.push(line);
			say("Paused, " + held.length + " waiting");
		} else {
			show(line);
		}
	};

	// Fetches what lies between the last line shown and the next one.
	const fill = async (until) => {
		let after = last;
		while (after !== null && after < until) {
			const answer = await fetch(base +
				"/logs/history?limit=1000&after=" + after);
			if (!answer.ok)
				throw new Error("history: " + answer.status);
			const page = await answer.json();
			page.lines.forEach(take);
			after = page.next_after;
		}
	};

	const arrive = async (line) => {
		if (filling) {
			ahead.push(line);
			return;
		}
		if (line.seq > last + 1) {
			filling = true;
			try {
				await fill(line.seq - 1);
			} catch (error) {
				say("Some lines are missing: load the page again");
			}
			filling = false;
		}
		take(line);
		const waiting = ahead;
		ahead = [];
		for (const next of waiting)
			await arrive(next);
	};

	const source = new EventSource(base + "/logs");
	source.addEventListener("open", () => say(paused ? "Paused" : "Live"));
	source.addEventListener("error", () => say("Connecting again"));
	source.addEventListener("log",
		(event) => arrive(JSON.parse(event.data)));
	source.addEventListener("status", (event) => {
		const word = JSON.parse(event.data).status;
		const badge = document.querySelector("#status .status");
		if (badge && /^[a-z]+$/.test(word)) {
			badge.className = "status status-" + word;
			badge.textContent = word;
		}
	});
	source.addEventListener("done", () => {
		source.close();
		button.hidden = true;
		if (paused)
			say("Over. Load the page again for the result");
		else
			window.location.reload();
	});

	button.hidden = false;
	button.addEventListener("click", () => {
		paused = !paused;
		button.textContent = paused ? "Go on" : "Pause";
		button.setAttribute("aria-pressed", String(paused));
		if (!paused) {
			held.forEach(show);
			held = [];
			if (source.readyState === EventSource.CLOSED)
				window.location.reload();
		}
		say(paused ? "Paused" : "Live");
	});
	log.scrollTop = log.scrollHeight;
})();
