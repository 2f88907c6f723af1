/*
 * The only C++ of Vulcan: V8 calls behind shim.h. No exceptions, no RTTI.
 *
 * The bootstrap script is a function of (binding, global); it sets up the
 * globals of programs and returns the hooks that are called from here. Neither
 * binding nor hooks are reachable from a program.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <memory>
#include <string>
#include <vector>

#include "libplatform/libplatform.h"
#include "v8.h"

#include "shim.h"

using v8::Array;
using v8::ArrayBuffer;
using v8::ArrayBufferView;
using v8::Context;
using v8::Data;
using v8::Exception;
using v8::FixedArray;
using v8::Function;
using v8::FunctionCallbackInfo;
using v8::Global;
using v8::HandleScope;
using v8::Isolate;
using v8::Local;
using v8::Maybe;
using v8::MaybeLocal;
using v8::Message;
using v8::Module;
using v8::Object;
using v8::Promise;
using v8::ScriptCompiler;
using v8::ScriptOrigin;
using v8::String;
using v8::TryCatch;
using v8::Uint8Array;
using v8::Value;

namespace {

/* Array buffers up to a budget; what is beyond it is refused. */
class Budget : public ArrayBuffer::Allocator {
      public:
	void *
	Allocate(size_t n) override
	{
		return take(n) ? give(calloc(n == 0 ? 1 : n, 1), n) : nullptr;
	}
	void *
	AllocateUninitialized(size_t n) override
	{
		return take(n) ? give(malloc(n == 0 ? 1 : n), n) : nullptr;
	}
	void
	Free(void *p, size_t n) override
	{
		used -= n;
		free(p);
	}
	size_t used = 0;
	size_t limit = 64u << 20;
	bool hit = false;

      private:
	bool
	take(size_t n)
	{
		if (n > limit || used > limit - n) {
			hit = true;
			return false;
		}
		used += n;
		return true;
	}
	void *
	give(void *p, size_t n)
	{
		if (p == nullptr)
			used -= n;
		return p;
	}
};

/* A module of the run; value is what a module made of data exports. */
struct Loaded {
	std::string name;
	Global<Module> module;
	Global<Value> value;
};

struct Rejected {
	Global<Promise> promise;
	Global<Value> reason;
	Global<Message> message;
};

const struct shim_host *host;
std::unique_ptr<v8::Platform> platform;
Budget *budget;
Isolate *isolate;
Global<Context> kept_context;
Global<Object> hooks;
Global<Promise> finished;
std::vector<Loaded> *modules;
std::vector<Rejected> *rejected;

/* Where the exception that was caught last came from. */
Global<Value> caught;
Global<Message> caught_message;

/* For calls whose failure leaves nothing to do. */
void
ignore(Maybe<bool>)
{
}

Local<String>
text(const char *s)
{
	return String::NewFromUtf8(isolate, s).ToLocalChecked();
}

/* Empty (with an exception) for what is longer than V8's longest string. */
MaybeLocal<String>
text_of(struct shim_text t)
{
	if (t.len > static_cast<size_t>(String::kMaxLength)) {
		isolate->ThrowException(
			Exception::RangeError(text("the text is too long")));
		return MaybeLocal<String>();
	}
	return String::NewFromUtf8(isolate, t.data == nullptr ? "" : t.data,
		v8::NewStringType::kNormal, static_cast<int>(t.len));
}

/* UTF-8 of a string, lone surrogates as U+FFFD. */
class Utf8 {
      public:
	explicit Utf8(Local<String> s)
	{
		size_t room = static_cast<size_t>(s->Utf8Length(isolate));
		data = room < sizeof(small)
			? small
			: static_cast<char *>(malloc(room + 1));
		if (data == nullptr)
			host->out_of_memory("text");
		len = static_cast<size_t>(s->WriteUtf8(isolate, data,
			static_cast<int>(room), nullptr,
			String::NO_NULL_TERMINATION |
				String::REPLACE_INVALID_UTF8));
		data[len] = '\0';
	}
	~Utf8()
	{
		if (data != small)
			free(data);
	}
	Utf8(const Utf8 &) = delete;
	Utf8 &operator=(const Utf8 &) = delete;
	struct shim_text
	view() const
	{
		return {data, len};
	}
	char *data;
	size_t len;

      private:
	char small[512];
};

void
throw_error(const char *message)
{
	isolate->ThrowException(Exception::Error(text(message)));
}

void
remember(const TryCatch &tried)
{
	if (tried.Message().IsEmpty())
		return;
	caught.Reset(isolate, tried.Exception());
	caught_message.Reset(isolate, tried.Message());
}

MaybeLocal<Value>
call_hook(Local<Context> c, const char *name, int argc, Local<Value> *argv)
{
	Local<Object> table = hooks.Get(isolate);
	Local<Value> f;
	if (!table->Get(c, text(name)).ToLocal(&f) || !f->IsFunction())
		host->fatal("hook", name);
	return f.As<Function>()->Call(c, v8::Undefined(isolate), argc, argv);
}

/* --- files and modules ---------------------------------------------------- */

MaybeLocal<String>
source_of(Local<String> name)
{
	Utf8 n(name);
	struct shim_text found;
	if (!host->file(n.view(), &found)) {
		throw_error((std::string("there is no file '") + n.data + "'")
				    .c_str());
		return MaybeLocal<String>();
	}
	return text_of(found);
}

ScriptOrigin
origin_of(Local<String> name, bool module)
{
	return ScriptOrigin(isolate, name, 0, 0, false, -1, Local<Value>(),
		false, false, module);
}

MaybeLocal<Function>
compile_script(Local<Context> c, Local<String> name, Local<String> source)
{
	ScriptOrigin origin = origin_of(name, false);
	ScriptCompiler::Source from(source, origin);
	Local<String> names[] = {text("exports"), text("require"),
		text("module"), text("__filename"), text("__dirname")};
	return ScriptCompiler::CompileFunctionInContext(
		c, &from, 5, names, 0, nullptr);
}

MaybeLocal<Module>
compile_module(Local<String> name, Local<String> source)
{
	ScriptOrigin origin = origin_of(name, true);
	ScriptCompiler::Source from(source, origin);
	return ScriptCompiler::CompileModule(isolate, &from);
}

bool
ends_with(const std::string &s, const char *tail)
{
	size_t n = strlen(tail);
	return s.size() >= n && s.compare(s.size() - n, n, tail) == 0;
}

/* What a script cannot contain and a module can, as V8 words it. */
bool
wants_module(const TryCatch &tried)
{
	static const char *const signs[] = {
		"Cannot use import statement outside a module",
		"Unexpected token 'export'",
		"Cannot use 'import.meta' outside a module",
		"await is only valid in async functions and the top level "
		"bodies of modules",
	};
	if (tried.Message().IsEmpty())
		return false;
	Utf8 said(tried.Message()->Get());
	for (const char *sign : signs)
		if (strstr(said.data, sign) != nullptr)
			return true;
	return false;
}

size_t
add_module(const std::string &name, Local<Module> m, Local<Value> value)
{
	modules->emplace_back();
	Loaded &l = modules->back();
	l.name = name;
	l.module.Reset(isolate, m);
	if (!value.IsEmpty())
		l.value.Reset(isolate, value);
	return modules->size() - 1;
}

Loaded *
loaded_module(Local<Module> m)
{
	for (Loaded &l : *modules)
		if (l.module == m)
			return &l;
	return nullptr;
}

/* Sets the exports of a module that was made of a value. */
MaybeLocal<Value>
give_exports(Local<Context> c, Local<Module> m)
{
	Loaded *l = loaded_module(m);
	bool data = ends_with(l->name, ".json");
	Local<Value> value = l->value.Get(isolate);
	if (m->SetSyntheticModuleExport(isolate, text("default"), value)
			.IsNothing())
		return MaybeLocal<Value>();
	Local<Array> names;
	if (value->IsObject() && !data &&
		value.As<Object>()->GetOwnPropertyNames(c).ToLocal(&names)) {
		for (uint32_t i = 0; i < names->Length(); i++) {
			Local<Value> key, v;
			if (!names->Get(c, i).ToLocal(&key) ||
				!key->IsString() ||
				key->StrictEquals(text("default")) ||
				!value.As<Object>()->Get(c, key).ToLocal(&v))
				continue;
			ignore(m->SetSyntheticModuleExport(
				isolate, key.As<String>(), v));
		}
	}
	Local<Promise::Resolver> done;
	if (!Promise::Resolver::New(c).ToLocal(&done) ||
		done->Resolve(c, v8::Undefined(isolate)).IsNothing())
		return MaybeLocal<Value>();
	return done->GetPromise();
}

MaybeLocal<Module>
module_of_value(Local<Context> c, const std::string &name, Local<Value> value)
{
	std::vector<Local<String>> names;
	names.push_back(text("default"));
	Local<Array> own;
	if (value->IsObject() && !ends_with(name, ".json") &&
		value.As<Object>()->GetOwnPropertyNames(c).ToLocal(&own)) {
		for (uint32_t i = 0; i < own->Length(); i++) {
			Local<Value> key;
			if (own->Get(c, i).ToLocal(&key) && key->IsString() &&
				!key->StrictEquals(names[0]))
				names.push_back(key.As<String>());
		}
	}
	Local<Module> m = Module::CreateSyntheticModule(
		isolate, text(name.c_str()), names, give_exports);
	add_module(name, m, value);
	return m;
}

/* A script as a function, a module as its number; empty with an exception. */
MaybeLocal<Value>
compile_file(Local<Context> c, Local<String> name)
{
	Utf8 n(name);
	std::string id(n.data, n.len);
	for (size_t i = 0; i < modules->size(); i++)
		if ((*modules)[i].name == id)
			return v8::Number::New(isolate, static_cast<double>(i));
	Local<String> source;
	if (!source_of(name).ToLocal(&source))
		return MaybeLocal<Value>();
	if (!ends_with(id, ".mjs")) {
		TryCatch tried(isolate);
		Local<Function> f;
		if (compile_script(c, name, source).ToLocal(&f))
			return f;
		if (ends_with(id, ".cjs") || !wants_module(tried)) {
			remember(tried);
			tried.ReThrow();
			return MaybeLocal<Value>();
		}
	}
	TryCatch tried(isolate);
	Local<Module> m;
	if (!compile_module(name, source).ToLocal(&m)) {
		remember(tried);
		tried.ReThrow();
		return MaybeLocal<Value>();
	}
	return v8::Number::New(isolate,
		static_cast<double>(add_module(id, m, Local<Value>())));
}

MaybeLocal<String>
resolved_name(Local<String> from, Local<String> specifier, bool search)
{
	char found[SHIM_NAME_BYTES];
	Utf8 f(from), s(specifier);
	if (!host->resolve(f.view(), s.view(), search, found)) {
		throw_error(found);
		return MaybeLocal<String>();
	}
	return text(found);
}

MaybeLocal<Module>
module_named(Local<Context> c, Local<String> name)
{
	Utf8 n(name);
	std::string id(n.data, n.len);
	for (Loaded &l : *modules)
		if (l.name == id)
			return l.module.Get(isolate);
	Local<Value> made;
	if (!ends_with(id, ".json")) {
		if (!compile_file(c, name).ToLocal(&made))
			return MaybeLocal<Module>();
		if (made->IsNumber())
			return modules->back().module.Get(isolate);
	}
	Local<Value> argv[] = {name};
	Local<Value> value;
	if (!call_hook(c, "require", 1, argv).ToLocal(&value))
		return MaybeLocal<Module>();
	return module_of_value(c, id, value);
}

MaybeLocal<Module>
resolve_import(Local<Context> c, Local<String> specifier, Local<FixedArray>,
	Local<Module> referrer)
{
	Loaded *from = loaded_module(referrer);
	Local<String> name;
	if (from == nullptr ||
		!resolved_name(text(from->name.c_str()), specifier, false)
			 .ToLocal(&name))
		return MaybeLocal<Module>();
	return module_named(c, name);
}

MaybeLocal<Promise>
import_dynamically(Local<Context> c, Local<Data>, Local<Value> from,
	Local<String> specifier, Local<FixedArray>)
{
	Local<Value> argv[] = {from, specifier};
	Local<Value> p;
	if (!call_hook(c, "importModule", 2, argv).ToLocal(&p) ||
		!p->IsPromise())
		return MaybeLocal<Promise>();
	return p.As<Promise>();
}

void
describe_module(Local<Context> c, Local<Module> m, Local<Object> meta)
{
	Loaded *l = loaded_module(m);
	if (l != nullptr)
		ignore(meta->CreateDataProperty(
			c, text("url"), text(l->name.c_str())));
}

/* --- what the bootstrap may call ------------------------------------------ */

using Args = const FunctionCallbackInfo<Value> &;

Local<String>
string_at(Args args, int i)
{
	return args[i]->IsString() ? args[i].As<String>()
				   : String::Empty(isolate);
}

void
fn_write(Args args)
{
	Utf8 said(string_at(args, 1));
	host->write(args[0]->IsTrue(), said.view());
}

void
fn_output(Args args)
{
	Utf8 said(string_at(args, 0));
	host->output(said.view());
}

void
fn_error(Args args)
{
	Utf8 said(string_at(args, 0));
	host->error(said.view());
}

void
fn_exit(Args args)
{
	host->exit(
		args[0]->Int32Value(isolate->GetCurrentContext()).FromMaybe(1));
}

void
fn_now(Args args)
{
	args.GetReturnValue().Set(static_cast<double>(host->now_ns()) / 1e6);
}

void
fn_random(Args args)
{
	if (!args[0]->IsArrayBufferView())
		return;
	Local<ArrayBufferView> view = args[0].As<ArrayBufferView>();
	auto store = view->Buffer()->GetBackingStore();
	if (view->ByteLength() > 0)
		host->random(
			static_cast<char *>(store->Data()) + view->ByteOffset(),
			view->ByteLength());
}

void
fn_source(Args args)
{
	Local<String> s;
	if (source_of(string_at(args, 0)).ToLocal(&s))
		args.GetReturnValue().Set(s);
}

void
fn_resolve(Args args)
{
	Local<String> name;
	if (resolved_name(
		    string_at(args, 0), string_at(args, 1), args[2]->IsTrue())
			.ToLocal(&name))
		args.GetReturnValue().Set(name);
}

void
fn_compile(Args args)
{
	Local<Value> made;
	if (compile_file(isolate->GetCurrentContext(), string_at(args, 0))
			.ToLocal(&made))
		args.GetReturnValue().Set(made);
}

/* The number of the module that a name stands for. */
void
fn_module(Args args)
{
	Local<Module> m;
	if (!module_named(isolate->GetCurrentContext(), string_at(args, 0))
			.ToLocal(&m))
		return;
	for (size_t i = 0; i < modules->size(); i++)
		if ((*modules)[i].module == m)
			args.GetReturnValue().Set(static_cast<double>(i));
}

bool
module_at(Args args, Local<Module> *ret)
{
	uint32_t i = args[0]->Uint32Value(isolate->GetCurrentContext())
			     .FromMaybe(UINT32_MAX);
	if (i >= modules->size())
		return false;
	*ret = (*modules)[i].module.Get(isolate);
	return true;
}

void
fn_evaluate(Args args)
{
	Local<Context> c = isolate->GetCurrentContext();
	Local<Module> m;
	if (!module_at(args, &m))
		return;
	TryCatch tried(isolate);
	Local<Value> p;
	if (m->InstantiateModule(c, resolve_import).IsNothing() ||
		!m->Evaluate(c).ToLocal(&p)) {
		remember(tried);
		tried.ReThrow();
		return;
	}
	args.GetReturnValue().Set(p);
}

void
fn_namespace(Args args)
{
	Local<Module> m;
	if (module_at(args, &m))
		args.GetReturnValue().Set(m->GetModuleNamespace());
}

/* Calls args[0] on args[1] with the rest; keeps where an exception rose. */
void
fn_call(Args args)
{
	std::vector<Local<Value>> rest;
	for (int i = 2; i < args.Length(); i++)
		rest.push_back(args[i]);
	TryCatch tried(isolate);
	Local<Value> result;
	if (args[0].As<Function>()
			->Call(isolate->GetCurrentContext(), args[1],
				static_cast<int>(rest.size()), rest.data())
			.ToLocal(&result)) {
		args.GetReturnValue().Set(result);
		return;
	}
	remember(tried);
	tried.ReThrow();
}

void
set(Local<Object> o, const char *key, Local<Value> v)
{
	ignore(o->CreateDataProperty(
		isolate->GetCurrentContext(), text(key), v));
}

/* Where an exception came from, as far as the engine knows. */
void
fn_locate(Args args)
{
	Local<Context> c = isolate->GetCurrentContext();
	Local<Message> m;
	if (!caught.IsEmpty() && caught.Get(isolate)->SameValue(args[0]))
		m = caught_message.Get(isolate);
	else if (args[0]->IsNativeError())
		m = Exception::CreateMessage(isolate, args[0]);
	else
		return;
	Local<Object> o = Object::New(isolate);
	set(o, "file", m->GetScriptOrigin().ResourceName());
	set(o, "line",
		v8::Number::New(isolate, m->GetLineNumber(c).FromMaybe(0)));
	set(o, "column",
		v8::Number::New(isolate, m->GetStartColumn(c).FromMaybe(0)));
	set(o, "end",
		v8::Number::New(isolate, m->GetEndColumn(c).FromMaybe(0)));
	Local<String> line;
	if (m->GetSourceLine(c).ToLocal(&line))
		set(o, "source", line);
	args.GetReturnValue().Set(o);
}

void
fn_encode(Args args)
{
	Utf8 said(string_at(args, 0));
	Local<ArrayBuffer> room = ArrayBuffer::New(isolate, said.len);
	memcpy(room->GetBackingStore()->Data(), said.data, said.len);
	args.GetReturnValue().Set(Uint8Array::New(room, 0, said.len));
}

/* encodeInto(text, bytes, counts): counts[0] read, counts[1] written. */
void
fn_encode_into(Args args)
{
	Local<Context> c = isolate->GetCurrentContext();
	Local<ArrayBufferView> view = args[1].As<ArrayBufferView>();
	auto store = view->Buffer()->GetBackingStore();
	int read = 0;
	int written = view->ByteLength() == 0
		? 0
		: string_at(args, 0)->WriteUtf8(isolate,
			  static_cast<char *>(store->Data()) +
				  view->ByteOffset(),
			  static_cast<int>(view->ByteLength()), &read,
			  String::NO_NULL_TERMINATION |
				  String::REPLACE_INVALID_UTF8);
	Local<Object> counts = args[2].As<Object>();
	ignore(counts->Set(c, 0, v8::Integer::New(isolate, read)));
	ignore(counts->Set(c, 1, v8::Integer::New(isolate, written)));
}

void
fn_decode(Args args)
{
	Local<ArrayBufferView> view = args[0].As<ArrayBufferView>();
	auto store = view->Buffer()->GetBackingStore();
	Local<String> s;
	if (text_of({static_cast<char *>(store->Data()) + view->ByteOffset(),
			    view->ByteLength()})
			.ToLocal(&s))
		args.GetReturnValue().Set(s);
}

/* What kind of object a value is, past its prototype. */
void
fn_kind(Args args)
{
	Local<Value> v = args[0];
	const char *k = "object";
	if (v->IsProxy())
		k = "proxy";
	else if (v->IsNativeError())
		k = "error";
	else if (v->IsPromise())
		k = "promise";
	else if (v->IsMap())
		k = "map";
	else if (v->IsSet())
		k = "set";
	else if (v->IsRegExp())
		k = "regexp";
	else if (v->IsDate())
		k = "date";
	else if (v->IsArrayBuffer())
		k = "arraybuffer";
	else if (v->IsDataView())
		k = "dataview";
	else if (v->IsTypedArray())
		k = "typedarray";
	else if (v->IsWeakMap())
		k = "weakmap";
	else if (v->IsWeakSet())
		k = "weakset";
	else if (v->IsModuleNamespaceObject())
		k = "module";
	else if (v->IsMapIterator())
		k = "mapiterator";
	else if (v->IsSetIterator())
		k = "setiterator";
	else if (v->IsGeneratorObject())
		k = "generator";
	else if (v->IsArgumentsObject())
		k = "arguments";
	else if (v->IsNumberObject())
		k = "number";
	else if (v->IsStringObject())
		k = "string";
	else if (v->IsBooleanObject())
		k = "boolean";
	else if (v->IsBigIntObject())
		k = "bigint";
	else if (v->IsSymbolObject())
		k = "symbol";
	else if (v->IsExternal())
		k = "external";
	args.GetReturnValue().Set(String::NewFromUtf8(
		isolate, k, v8::NewStringType::kInternalized)
					  .ToLocalChecked());
}

/* [state, result] of a promise: 0 pending, 1 fulfilled, 2 rejected. */
void
fn_promise(Args args)
{
	Local<Promise> p = args[0].As<Promise>();
	Local<Value> two[] = {v8::Integer::New(isolate, p->State()),
		p->State() == Promise::kPending
			? v8::Undefined(isolate).As<Value>()
			: p->Result()};
	args.GetReturnValue().Set(Array::New(isolate, two, 2));
}

void
fn_proxy_target(Args args)
{
	args.GetReturnValue().Set(args[0].As<v8::Proxy>()->GetTarget());
}

/* Entries of a map, a set or one of their iterators, undisturbed. */
void
fn_entries(Args args)
{
	bool pairs;
	Local<Array> entries;
	if (args[0].As<Object>()->PreviewEntries(&pairs).ToLocal(&entries))
		args.GetReturnValue().Set(entries);
}

class CloneErrors : public v8::ValueSerializer::Delegate {
      public:
	void
	ThrowDataCloneError(Local<String> message) override
	{
		Local<Value> argv[] = {message};
		Local<Value> error;
		if (call_hook(
			    isolate->GetCurrentContext(), "cloneError", 1, argv)
				.ToLocal(&error))
			isolate->ThrowException(error);
	}
};

/* clone(value, list of array buffers to move) */
void
fn_clone(Args args)
{
	Local<Context> c = isolate->GetCurrentContext();
	Local<Array> moved = args[1].As<Array>();
	CloneErrors errors;
	v8::ValueSerializer out(isolate, &errors);
	std::vector<Local<ArrayBuffer>> buffers;
	for (uint32_t i = 0; i < moved->Length(); i++) {
		Local<Value> b;
		if (!moved->Get(c, i).ToLocal(&b) || !b->IsArrayBuffer())
			return;
		buffers.push_back(b.As<ArrayBuffer>());
		out.TransferArrayBuffer(i, buffers.back());
	}
	out.WriteHeader();
	bool done;
	if (!out.WriteValue(c, args[0]).To(&done) || !done)
		return;
	std::pair<uint8_t *, size_t> bytes = out.Release();
	v8::ValueDeserializer in(isolate, bytes.first, bytes.second);
	for (uint32_t i = 0; i < buffers.size(); i++) {
		auto store = buffers[i]->GetBackingStore();
		buffers[i]->Detach();
		in.TransferArrayBuffer(i, ArrayBuffer::New(isolate, store));
	}
	Local<Value> copy;
	if (in.ReadHeader(c).FromMaybe(false) && in.ReadValue(c).ToLocal(&copy))
		args.GetReturnValue().Set(copy);
	free(bytes.first);
}

const struct {
	const char *name;
	v8::FunctionCallback call;
} functions[] = {
	{"write", fn_write},
	{"output", fn_output},
	{"error", fn_error},
	{"exit", fn_exit},
	{"now", fn_now},
	{"random", fn_random},
	{"source", fn_source},
	{"resolve", fn_resolve},
	{"compile", fn_compile},
	{"module", fn_module},
	{"evaluate", fn_evaluate},
	{"namespace", fn_namespace},
	{"call", fn_call},
	{"locate", fn_locate},
	{"encode", fn_encode},
	{"encodeInto", fn_encode_into},
	{"decode", fn_decode},
	{"kind", fn_kind},
	{"promise", fn_promise},
	{"proxyTarget", fn_proxy_target},
	{"entries", fn_entries},
	{"clone", fn_clone},
};

/* --- callbacks of the engine ---------------------------------------------- */

size_t
near_heap_limit(void *, size_t, size_t)
{
	host->out_of_memory("heap");
	return 0;
}

void
on_oom(const char *where, bool)
{
	host->out_of_memory(where);
}

void
on_fatal(const char *where, const char *what)
{
	host->fatal(where == nullptr ? "V8" : where, what);
}

void
on_reject(v8::PromiseRejectMessage m)
{
	if (m.GetEvent() == v8::kPromiseRejectWithNoHandler) {
		rejected->emplace_back();
		Rejected &r = rejected->back();
		r.promise.Reset(isolate, m.GetPromise());
		r.reason.Reset(isolate, m.GetValue());
		r.message.Reset(isolate,
			Exception::CreateMessage(isolate, m.GetValue()));
	} else if (m.GetEvent() == v8::kPromiseHandlerAddedAfterReject) {
		for (size_t i = 0; i < rejected->size(); i++)
			if ((*rejected)[i].promise == m.GetPromise()) {
				rejected->erase(rejected->begin() +
					static_cast<long>(i));
				break;
			}
	}
}

MaybeLocal<Value>
format_stack(Local<Context> c, Local<Value> error, Local<Array> sites)
{
	if (hooks.IsEmpty())
		return v8::Undefined(isolate).As<Value>();
	Local<Value> argv[] = {error, sites};
	return call_hook(c, "formatStack", 2, argv);
}

bool
no_shared_memory(Local<Context>)
{
	return false;
}

void
report(Local<Context> c, Local<Value> error)
{
	Local<Value> argv[] = {error};
	(void)call_hook(c, "report", 1, argv);
	host->fatal("report", "the failure could not be described");
}

void
report_caught(Local<Context> c, const TryCatch &tried)
{
	remember(tried);
	report(c, tried.Exception());
}

void
check_rejections(Local<Context> c)
{
	if (rejected->empty())
		return;
	Rejected &r = rejected->front();
	Local<Value> reason = r.reason.Get(isolate);
	bool known =
		!caught.IsEmpty() && caught.Get(isolate)->SameValue(reason);
	if (!reason->IsNativeError() && !known) {
		caught.Reset(isolate, reason);
		caught_message.Reset(isolate, r.message.Get(isolate));
	}
	report(c, reason);
}

void
set_callbacks()
{
	isolate->SetCaptureStackTraceForUncaughtExceptions(true, 10);
	isolate->SetHostImportModuleDynamicallyCallback(import_dynamically);
	isolate->SetHostInitializeImportMetaObjectCallback(describe_module);
	isolate->SetPrepareStackTraceCallback(format_stack);
	isolate->SetPromiseRejectCallback(on_reject);
	isolate->SetFatalErrorHandler(on_fatal);
	isolate->SetOOMErrorHandler(on_oom);
	isolate->SetSharedArrayBufferConstructorEnabledCallback(
		no_shared_memory);
	isolate->SetMicrotasksPolicy(v8::MicrotasksPolicy::kExplicit);
	isolate->AddNearHeapLimitCallback(near_heap_limit, nullptr);
}

Local<Object>
make_binding(Local<Context> c)
{
	Local<Object> o = Object::New(isolate);
	for (const auto &f : functions) {
		Local<Function> made = Function::New(c, f.call, Local<Value>(),
			0, v8::ConstructorBehavior::kThrow)
					       .ToLocalChecked();
		set(o, f.name, made);
	}
	return o;
}

void
explain(Local<Context> c, const TryCatch &tried, char *why, size_t size)
{
	if (tried.Message().IsEmpty()) {
		snprintf(why, size, "no message");
		return;
	}
	Utf8 said(tried.Message()->Get());
	snprintf(why, size, "line %d: %s",
		tried.Message()->GetLineNumber(c).FromMaybe(0), said.data);
}

bool
evaluate_bootstrap(
	Local<Context> c, struct shim_text script, char *why, size_t size)
{
	TryCatch tried(isolate);
	ScriptOrigin origin = origin_of(text("vulcan:bootstrap"), false);
	ScriptCompiler::Source from(text_of(script).ToLocalChecked(), origin);
	Local<String> names[] = {text("binding"), text("global")};
	Local<Function> f;
	Local<Value> argv[] = {make_binding(c), c->Global()};
	Local<Value> made;
	if (!ScriptCompiler::CompileFunctionInContext(
		    c, &from, 2, names, 0, nullptr)
			.ToLocal(&f) ||
		!f->Call(c, v8::Undefined(isolate), 2, argv).ToLocal(&made)) {
		explain(c, tried, why, size);
		return false;
	}
	hooks.Reset(isolate, made.As<Object>());
	return true;
}

/*
 * Runs sample programs before any child exists: what they make V8 compile,
 * every child inherits.
 */
bool
warm_up(Local<Context> c, int rounds, char *why, size_t size)
{
	TryCatch tried(isolate);
	Local<Value> p;
	Local<Value> argv[] = {v8::Integer::New(isolate, rounds)};
	bool good = call_hook(c, "warm", 1, argv).ToLocal(&p);
	isolate->PerformMicrotaskCheckpoint();
	good = good && p->IsPromise() &&
		p.As<Promise>()->State() == Promise::kFulfilled &&
		rejected->empty();
	if (!good)
		explain(c, tried, why, size);
	modules->clear();
	caught.Reset();
	caught_message.Reset();
	return good;
}

} // namespace

#define STRING(x) #x
#define TEXT(x) STRING(x)

const char *
shim_version(void)
{
	return v8::V8::GetVersion();
}

const char *
shim_headers_version(void)
{
	return TEXT(V8_MAJOR_VERSION) "." TEXT(V8_MINOR_VERSION) "." TEXT(
		V8_BUILD_NUMBER) "." TEXT(V8_PATCH_LEVEL);
}

void
shim_start(const struct shim_host *h, bool jit)
{
	host = h;
	v8::V8::SetFlagsFromString("--single-threaded --no-flush-bytecode "
				   "--hard-abort --harmony-import-assertions "
				   "--no-harmony-sharedarraybuffer "
				   "--no-experimental-wasm-threads");
	if (!jit)
		v8::V8::SetFlagsFromString("--jitless --no-expose-wasm");
	platform = v8::platform::NewSingleThreadedDefaultPlatform();
	v8::V8::InitializePlatform(platform.get());
	v8::V8::Initialize();
}

bool
shim_boot(struct shim_text script, char *why, size_t why_size)
{
	budget = new Budget();
	modules = new std::vector<Loaded>();
	rejected = new std::vector<Rejected>();
	Isolate::CreateParams params;
	params.array_buffer_allocator = budget;
	/* shim_limits lowers this to what the run may have. */
	params.constraints.set_max_old_generation_size_in_bytes(
		size_t{1} << 40);
	params.constraints.set_initial_old_generation_size_in_bytes(16u << 20);
	params.constraints.set_max_young_generation_size_in_bytes(12u << 20);
	isolate = Isolate::New(params);
	isolate->Enter();
	HandleScope scope(isolate);
	set_callbacks();
	Local<Context> c = Context::New(isolate);
	kept_context.Reset(isolate, c);
	c->Enter();
	c->AllowCodeGenerationFromStrings(true);
	if (!evaluate_bootstrap(c, script, why, why_size) ||
		!warm_up(c, 3, why, why_size))
		return false;
	isolate->LowMemoryNotification();
	return true;
}

void
shim_limits(size_t heap_bytes, size_t buffer_bytes)
{
	isolate->RemoveNearHeapLimitCallback(near_heap_limit, heap_bytes);
	isolate->AddNearHeapLimitCallback(near_heap_limit, nullptr);
	budget->limit = buffer_bytes;
}

static void
reseed(void)
{
	uint32_t seed;
	host->random(&seed, sizeof(seed));
	char flag[40];
	snprintf(flag, sizeof(flag), "--random-seed=%u",
		(seed & 0x7fffffffu) | 1u);
	v8::V8::SetFlagsFromString(flag);
}

void
shim_run(struct shim_text spec, struct shim_text compiled,
	struct shim_text input, struct shim_text standard_input)
{
	reseed();
	HandleScope scope(isolate);
	Local<Context> c = kept_context.Get(isolate);
	TryCatch tried(isolate);
	Local<Value> argv[4];
	const struct shim_text given[] = {
		spec, compiled, input, standard_input};
	for (int i = 0; i < 4; i++) {
		argv[i] = v8::Null(isolate);
		Local<String> s;
		if (given[i].data != nullptr && text_of(given[i]).ToLocal(&s))
			argv[i] = s;
	}
	Local<Value> p;
	if (!call_hook(c, "run", 4, argv).ToLocal(&p) || !p->IsPromise())
		report_caught(c, tried);
	finished.Reset(isolate, p.As<Promise>());
}

int64_t
shim_turn(void)
{
	HandleScope scope(isolate);
	Local<Context> c = kept_context.Get(isolate);
	TryCatch tried(isolate);
	Local<Value> next;
	isolate->PerformMicrotaskCheckpoint();
	check_rejections(c);
	while (v8::platform::PumpMessageLoop(platform.get(), isolate))
		isolate->PerformMicrotaskCheckpoint();
	if (!call_hook(c, "turn", 0, nullptr).ToLocal(&next))
		report_caught(c, tried);
	isolate->PerformMicrotaskCheckpoint();
	check_rejections(c);
	if (!call_hook(c, "due", 0, nullptr).ToLocal(&next))
		report_caught(c, tried);
	double due = next->NumberValue(c).FromMaybe(-1);
	return due < 0 ? -1 : static_cast<int64_t>(due * 1e6);
}

bool
shim_settled(void)
{
	HandleScope scope(isolate);
	return finished.Get(isolate)->State() != Promise::kPending;
}

bool
shim_budget_hit(void)
{
	return budget->hit;
}

void
shim_heap(uint64_t *ret_used_kib, uint64_t *ret_limit_kib)
{
	v8::HeapStatistics s;
	isolate->GetHeapStatistics(&s);
	*ret_used_kib = (s.used_heap_size() + budget->used) / 1024;
	*ret_limit_kib = s.heap_size_limit() / 1024;
}
