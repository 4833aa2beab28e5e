
# Lists of words are meant to be parted.
_firegw_classes='fire prealarm supervisory fault disablement actuation operation'

# The program as it was typed, so that one that is not in PATH completes too; silent, and short, whatever the daemon does.
_firegw_ask() {
	local program=${_firegw_program/#\~\//$HOME/}
	timeout 2 "$program" "$@" 2>/dev/null
}

# The values of a text field in JSON, one a line. What we ask for has no escapes in it: ids, floors, names.
_firegw_field() {
	grep -o "\"$1\": *\"[^\"\\\\]*\"" | sed 's/^"[^"]*": *"//; s/"$//' | sort -u
}

_firegw_points() {
	_firegw_ask points --json ${_firegw_socket:+--socket "$_firegw_socket"}
}

_firegw_hubs() {
	_firegw_ask status --json ${_firegw_socket:+--socket "$_firegw_socket"} | sed -n 's/.*"hubs": *\[//p' | sed 's/\].*//' | _firegw_field name
}

# Candidates of a kind for $2, one a line; those that do not fit may be among them.
_firegw_candidates() {
	case $1 in
	words\ *) printf '%s\n' ${1#words } ;;
	verb) printf '%s\n' $_firegw_verbs ;;
	file) compgen -f -- "$2" ;;
	class) _firegw_list "$2" $_firegw_classes ;;
	time) printf '%s\n' 1h 8h 24h 7d 30d today yesterday ;;
	span) printf '%s\n' 1m 5m 15m 1h 1d ;;
	hub) _firegw_hubs ;;
	alarm) _firegw_ask alarms --all --json ${_firegw_socket:+--socket "$_firegw_socket"} | _firegw_field alarm ;;
	point) _firegw_points | _firegw_field id ;;
	select) _firegw_select "$2" ;;
	select_point)
		_firegw_select "$2"
		[[ $2 == *=* ]] || _firegw_points | _firegw_field id
		;;
	raise) _firegw_ask --list ${_firegw_socket:+--socket "$_firegw_socket"} | sed -n '/^can be raised/,/^\(raised\|nothing\)/{/(not here/!s/^  \([a-z-]*\).*/\1/p}' ;;
	clear)
		echo all
		_firegw_ask --list ${_firegw_socket:+--socket "$_firegw_socket"} | sed -n '/^raised now/,$s/^  \([a-z-]*\).*/\1/p'
		;;
	esac
}

# Several with commas: what stands before the last one stays.
_firegw_list() {
	local before='' word
	[[ $1 == *,* ]] && before=${1%,*},
	shift
	for word; do
		printf '%s\n' "$before$word"
	done
}

_firegw_select() {
	local key=${1%%=*} rest=${1#*=}
	if [[ $1 != *=* ]]; then
		printf '%s\n' kind= floor= building= zone= bus= device= class=
		return
	fi
	case $key in
	class) _firegw_list "$rest" $_firegw_classes ;;
	kind) _firegw_list "$rest" $_firegw_kinds ;;
	floor | building | zone) _firegw_list "$rest" $(_firegw_points | _firegw_field "$key") ;;
	device) _firegw_list "$rest" $(_firegw_points | _firegw_field id | sed 's/\..*//' | sort -u) ;;
	esac | sed "s/^/$key=/"
}

# bash parts words at = and : too: joins them again, up to the cursor's, into _firegw_line.
_firegw_join() {
	local i word glue=''
	_firegw_line=()
	for ((i = 0; i <= COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if [[ $i -gt 1 && ($glue || $word == [=:]*) ]]; then
			_firegw_line[${#_firegw_line[@]} - 1]+=$word
		else
			_firegw_line+=("$word")
		fi
		[[ $word =~ ^[=:]+$ ]] && glue=1 || glue=
	done
}

# What stands before the cursor's word: the command (with its verb), --socket's value, how many words, and the kind that is wanted now.
_firegw_parse() {
	local i word last=$((${#_firegw_line[@]} - 1)) value ended=''
	_firegw_command=$1 _firegw_socket='' _firegw_n=1 _firegw_kind='' _firegw_acts=''
	for ((i = 1; i < last; i++)); do
		word=${_firegw_line[i]}
		if [[ $ended || $word != -* ]]; then
			if [[ $_firegw_command == firegw ]]; then
				_firegw_command+=" $word"
			else
				((_firegw_n++))
			fi
			continue
		fi
		[[ $word == -- ]] && ended=1 && continue
		[[ $word == --socket=* ]] && _firegw_socket=${word#*=}
		[[ $word == --raise* || $word == --clear* ]] && _firegw_acts=1
		value=$(_firegw_value "$_firegw_command" "$word")
		[[ $value ]] || continue
		((++i == last)) && _firegw_kind=$value && return
		[[ $word == --socket ]] && _firegw_socket=${_firegw_line[i]}
	done
	word=${_firegw_line[last]}
	if [[ ! $ended && $word == --*=* ]]; then
		_firegw_kind=$(_firegw_value "$_firegw_command" "${word%%=*}")
	elif [[ ! $ended && $word == -* && $_firegw_command != firegw ]]; then
		_firegw_kind="words $(_firegw_options "$_firegw_command")"
	elif [[ $_firegw_command == firegw ]]; then
		_firegw_kind=verb
		[[ $word == -* ]] && _firegw_kind='words --help --version'
	elif [[ $_firegw_command == firegw-sim ]]; then
		_firegw_kind='file'
		[[ $_firegw_acts ]] && _firegw_kind='words floor= zone= building= device='
	else
		_firegw_kind=$(_firegw_words "$_firegw_command" "$_firegw_n")
	fi
}

_firegw() {
	local _firegw_program=${COMP_WORDS[0]} _firegw_command _firegw_socket _firegw_n _firegw_kind _firegw_acts
	local -a _firegw_line
	local raw=${COMP_WORDS[COMP_CWORD]} whole part before='' ahead='' candidate
	COMPREPLY=()
	_firegw_join
	_firegw_parse "${_firegw_program##*/}"
	whole=${_firegw_line[${#_firegw_line[@]} - 1]} part=$whole
	[[ $whole == --*=* ]] && part=${whole#*=}
	# Only what bash takes for the word is replaced.
	[[ $raw =~ ^[=:]+$ ]] && raw=
	if [[ ${#raw} -gt ${#part} ]]; then
		ahead=${raw%"$part"}
	else
		before=${part%"$raw"}
	fi
	while IFS= read -r candidate; do
		[[ $candidate == "$part"* ]] && COMPREPLY+=("$ahead${candidate#"$before"}")
	done < <(_firegw_candidates "$_firegw_kind" "$part")
	[[ $_firegw_kind == file ]] && compopt -o filenames 2>/dev/null
	[[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=/] && $_firegw_kind != file ]] && compopt -o nospace 2>/dev/null
	return 0
}

complete -F _firegw firegw firegwd firegw-sim
