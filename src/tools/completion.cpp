// sinter completion: what a shell needs to complete verbs and options, made from the options themselves.
#include <iostream>

#include "tools/command_line.h"

namespace sinter::tools {
namespace {

std::vector<const CLI::App*> verbs_of(const CLI::App& app) { return app.get_subcommands([](const CLI::App*) { return true; }); }

std::vector<std::string> options_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_snames()) names.push_back("-" + name);
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

/// In single quotes of a shell, and of zsh's lists where a colon ends the word.
std::string description(const std::string& text) {
  std::string safe;
  for (const char c : text) safe += c == '\'' ? "'\\''" : c == ':' ? "\\:" : c == '[' || c == ']' ? "\\" + std::string(1, c) : std::string(1, c);
  return safe;
}

std::string bash_text(const CLI::App& app) {
  std::string verbs, cases;
  for (const CLI::App* verb : verbs_of(app)) {
    verbs += (verbs.empty() ? "" : " ") + verb->get_name();
    cases += "    " + verb->get_name() + ") options='" + joined(options_of(*verb)) + "' ;;\n";
  }
  return "# bash completion for sinter; eval \"$(sinter completion bash)\" turns it on\n"
         "_sinter() {\n"
         "  local word=${COMP_WORDS[COMP_CWORD]} options=''\n"
         "  if [ \"$COMP_CWORD\" = 1 ]; then COMPREPLY=($(compgen -W '" + verbs + " " + joined(options_of(app)) + "' -- \"$word\")); return; fi\n"
         "  case ${COMP_WORDS[1]} in\n" + cases + "  esac\n"
         "  case $word in\n"
         "    -*) COMPREPLY=($(compgen -W \"$options\" -- \"$word\")) ;;\n"
         "    *) COMPREPLY=($(compgen -f -- \"$word\")); compopt -o filenames 2>/dev/null ;;\n"
         "  esac\n"
         "}\n"
         "complete -F _sinter sinter\n";
}

std::string zsh_text(const CLI::App& app) {
  std::string verbs, cases;
  for (const CLI::App* verb : verbs_of(app)) {
    verbs += "    '" + verb->get_name() + ":" + description(verb->get_description()) + "'\n";
    cases += "    " + verb->get_name() + ") options=(\n";
    for (const CLI::Option* option : verb->get_options()) {
      for (const std::string& name : option->get_snames()) cases += "      '-" + name + ":" + description(option->get_description()) + "'\n";
      for (const std::string& name : option->get_lnames()) cases += "      '--" + name + ":" + description(option->get_description()) + "'\n";
    }
    cases += "      ) ;;\n";
  }
  return "#compdef sinter\n"
         "# zsh completion for sinter; eval \"$(sinter completion zsh)\" turns it on\n"
         "_sinter() {\n"
         "  local -a verbs options\n"
         "  verbs=(\n" + verbs + "  )\n"
         "  if (( CURRENT == 2 )); then _describe verb verbs; return; fi\n"
         "  case $words[2] in\n" + cases + "  esac\n"
         "  if [[ $words[CURRENT] == -* ]]; then _describe option options; else _files; fi\n"
         "}\n"
         "compdef _sinter sinter\n";
}

}  // namespace

void add_completion(CLI::App& app) {
  auto shell = std::make_shared<std::string>();
  CLI::App* verb = app.add_subcommand("completion", "Print what makes a shell complete verbs and options");
  verb->add_option("shell", *shell, "bash or zsh")->required()->check(CLI::IsMember({"bash", "zsh"}));
  verb->callback([shell, &app] { std::cout << (*shell == "bash" ? bash_text(app) : zsh_text(app)); });
}

}  // namespace sinter::tools
